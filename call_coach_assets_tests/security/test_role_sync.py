"""The whole life of a sync, as the role that docs/postgres-role.sql makes and as nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from call_coach_assets.diagnosis.examination import examine_ends
from call_coach_assets.diagnosis.finding import State
from call_coach_assets.diagnosis.standing import read_standings
from call_coach_assets.diagnosis.target import look_at_target
from call_coach_assets.errors import TargetAccessError
from call_coach_assets.settings import Settings
from call_coach_assets.sync import dead_letters
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.reconcile import reconcile
from call_coach_assets.sync.reconciliations import Reconciliation
from call_coach_assets.sync.result import SyncResult
from call_coach_assets_tests.cli.conftest import fill
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.oracle.judge import sync_all
from call_coach_assets_tests.security.conftest import Application
from call_coach_assets_tests.sync.story import call, hang_on, opportunity, speaker
from call_coach_assets_tests.warehouse import Warehouse

ENTITIES = load_entities(check_queries=False)
DELETED = {"_fivetran_deleted": True}


@dataclass
class Life:
    """The ends, and what came of each sync and of the reconcile between the last two."""

    application: Application
    warehouse: Warehouse
    settings: Settings
    synced: list[dict[str, SyncResult]] = field(default_factory=list)
    reconciled: list[Reconciliation] = field(default_factory=list)

    def sync(self, *names: str) -> None:
        """Sync the entities named, or all six."""
        chosen = {"order": names} if names else {}
        self.synced.append(sync_all(self.settings, run_id=f"sync {len(self.synced)}", **chosen))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def life(application: Application, emulator: str) -> Iterator[Life]:
    """First sync; changes and deletions; repair of what somebody broke; new columns, added by the tables' owner."""
    warehouse = Warehouse(emulator)
    lived = Life(application, warehouse, settings_for(application.role, warehouse))
    fill(warehouse)
    warehouse.insert("gong.call", [call(3), call(4)])
    warehouse.insert("gong.call_speaker", [speaker(4, "a", 7)])
    lived.sync()
    _change(warehouse, application)
    lived.sync()
    application.run("UPDATE opportunities SET stage = 'Broken' WHERE gong_opportunity_id = '006'")
    lived.reconciled.append(reconcile(ENTITIES["opportunities"], ENTITIES, lived.settings, "compare"))
    application.run(*(statement for statement in _printed(lived.synced[1]).values()))
    lived.sync("transcripts", "opportunities")
    yield lived
    warehouse.client.close()


def _change(warehouse: Warehouse, application: Application) -> None:
    with psycopg.connect(application.owner) as connection:
        hang_on(connection, "4")
    warehouse.update("gong.call", {"id": 2}, title="Renamed")
    for number in (3, 4):
        warehouse.update("gong.call", {"id": number}, **DELETED)
    warehouse.insert("gong.call", [call(9)])
    for table in ("gong.transcript", "salesforce.opportunity"):
        warehouse.alter(f"ALTER TABLE {table} ADD COLUMN mood STRING")
        warehouse.update(table, {}, mood="good")
    warehouse.advance(timedelta(hours=2))  # beyond what a sync reads twice
    warehouse.insert("salesforce.opportunity", [opportunity("007")])


def _printed(results: dict[str, SyncResult]) -> dict[str, str]:
    """The ALTER TABLE statements that a sync printed for the owner, by entity."""
    told = {name: " ".join(result.schema_changes) for name, result in results.items()}
    found = {name: re.search(r"as its owner: (ALTER TABLE .*?);", text) for name, text in told.items()}
    return {name: statement[1] for name, statement in found.items() if statement}


def test_the_first_sync_fills_all_six_and_keeps_what_cannot_be_published(life: Life) -> None:
    first = life.synced[0]
    assert {name: result.inserted for name, result in first.items()} == {
        "calls": 4, "opportunities": 1, "speakers": 2, "transcripts": 1, "emails": 1, "call_opportunities": 1,
    }  # fmt: skip
    assert (first["transcripts"].waiting, first["emails"].dead_lettered) == (1, 1)


def test_later_syncs_update_delete_and_spare_what_the_application_hangs_on_a_call(life: Life) -> None:
    second = life.synced[1]
    assert (second["calls"].inserted, second["calls"].deleted) == (1, 1)
    assert second["transcripts"].inserted == 1, "the row that waited for its call"
    kept = life.application.values("SELECT title FROM calls WHERE metadata ? 'source_deleted_at'")
    assert kept == ["Call 4"]
    assert life.application.values("SELECT count(*) FROM coaching_sessions") == [1]


@pytest.mark.covers("S5")
def test_a_reconcile_repairs(life: Life) -> None:
    [compared] = life.reconciled
    assert (compared.status, dict(compared.different), compared.repaired) == ("repaired", {"stage": 1}, 1)
    assert "Broken" not in life.application.values("SELECT stage FROM opportunities")


@pytest.mark.covers("P8", "P31")
def test_a_new_column_waits_for_the_tables_owner_and_is_filled_then(life: Life) -> None:
    assert _printed(life.synced[1]) == {
        "transcripts": 'ALTER TABLE "transcripts" ADD COLUMN IF NOT EXISTS "mood" text NULL',
        "opportunities": 'ALTER TABLE "opportunities" ADD COLUMN IF NOT EXISTS "mood" text NULL',
    }
    assert life.application.values("SELECT mood FROM opportunities ORDER BY name") == ["good", None]
    assert life.application.values("SELECT mood FROM transcripts") == ["good", "good"]
    assert "mood" not in str(life.application.values("SELECT metadata FROM opportunities"))
    assert life.synced[2]["opportunities"].schema_changes == ()


def test_status_and_doctor_work_and_find_nothing_wrong(life: Life) -> None:
    standings = {standing.entity: standing for standing in read_standings(life.settings, ENTITIES)}
    assert standings.keys() == ENTITIES.keys()
    assert {standing.source.problem for standing in standings.values()} == {None}
    assert standings["emails"].target.status.dead_letters == 1
    wrong = [found for found in examine_ends(life.settings, ENTITIES) if found.state is not State.OK]
    assert wrong == []


@pytest.mark.covers("P13")
def test_a_dead_letter_is_retried_and_discarded(life: Life) -> None:
    schema = life.settings.sync_schema
    with psycopg.connect(life.application.role) as connection:
        assert dead_letters.retry(connection, schema, ENTITIES["emails"], "e2")
    life.sync("emails")
    with psycopg.connect(life.application.role) as connection:
        assert dead_letters.discard(connection, schema, "emails", "e2")


@pytest.mark.covers("P2")
def test_a_table_that_the_role_may_not_read_is_named_where_a_deletion_needs_it(life: Life) -> None:
    life.application.run(
        "CREATE SCHEMA reviews",
        "CREATE TABLE reviews.notes (call_id uuid REFERENCES calls ON DELETE CASCADE)",
        "INSERT INTO reviews.notes SELECT id FROM calls WHERE gong_call_id = '2'",
    )
    [told] = [found for found in look_at_target(life.settings, ENTITIES) if found.state is State.ERROR]
    assert told.name == "table reviews.notes"
    assert "foreign key to calls" in told.what
    life.warehouse.update("gong.call", {"id": 2}, **DELETED)
    said = _failure(life)
    assert "permission denied for schema reviews" in said
    assert "doctor" in said
    life.application.run(told.remedy.partition(": ")[2].partition(";")[0])
    assert "permission denied for table notes" in _failure(life)
    life.application.run(told.remedy.partition("; ")[2])
    assert sync_all(life.settings, order=["calls"])["calls"].updated == 1
    assert life.application.values("SELECT count(*) FROM reviews.notes") == [1]


def _failure(life: Life) -> str:
    with pytest.raises(TargetAccessError) as caught:
        sync_all(life.settings, order=["calls"])
    reasons: list[Any] = life.application.values("SELECT error_details #>> '{0,reason}' FROM sync_status")
    assert str(caught.value) in reasons
    return str(caught.value)

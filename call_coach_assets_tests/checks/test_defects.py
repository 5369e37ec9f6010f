"""Each check against real ends: what is wrong there makes its check fail, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import dagster as dg
import psycopg
import pytest

from call_coach_assets.checks.verdict import CheckName
from call_coach_assets.local.databases import create_database, drop_database
from call_coach_assets.orchestration.check_results import check_results
from call_coach_assets.settings import Settings
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets.sync.result import SyncResult
from call_coach_assets.sync.session import sync_entity
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.oracle.judge import sync_all
from call_coach_assets_tests.sync.story import fill, monologue
from call_coach_assets_tests.warehouse import Warehouse

ENTITIES = load_entities(check_queries=False)
# The warehouse of a test is written when the test runs, with rows that were stamped long before, and never reconciled.
ELSEWHERE = {CheckName.DATA_FRESHNESS, CheckName.FIVETRAN_LAG, CheckName.FIDELITY}
_numbers = count(1)


@pytest.fixture(scope="module")
def source(emulator: str) -> Iterator[Warehouse]:
    opened = Warehouse(emulator)
    fill(opened)
    yield opened
    opened.client.close()


@pytest.fixture(scope="module")
def synced(postgres_url: str, source: Warehouse) -> Iterator[dict[str, SyncResult]]:
    """What the sync of the story into the database `checked` did."""
    settings = settings_for(create_database(postgres_url, "checked", template="application"), source)
    yield sync_all(settings)
    drop_database(postgres_url, "checked")


@pytest.fixture
def target(postgres_url: str, synced: dict[str, SyncResult], source: Warehouse) -> Iterator[Settings]:
    """Settings that point at a copy of the synced database."""
    close_pools()
    name = f"checked_{next(_numbers)}"
    yield settings_for(create_database(postgres_url, name, template="checked"), source)
    close_pools()
    drop_database(postgres_url, name)


Failed = Callable[..., dict[str, dg.AssetCheckResult]]


@pytest.fixture
def failed(target: Settings, synced: dict[str, SyncResult]) -> Iterator[Failed]:
    """Judge an entity; the checks that fail, by name."""

    def judge(name: str, result: SyncResult | None = None, **changes: object) -> dict[str, dg.AssetCheckResult]:
        settings = target.model_copy(update={k: v for k, v in changes.items() if k != "later"})
        now = datetime.now(UTC) + timedelta(hours=int(str(changes.get("later", 0))))
        _, found = check_results(
            instance, ENTITIES[name], ENTITIES, settings, result=result or replace(synced[name], waiting=0), now=now
        )
        assert [one.check_name for one in found] == [check.value for check in CheckName]
        return {str(one.check_name): one for one in found if not one.passed}

    with dg.DagsterInstance.ephemeral() as instance:
        yield judge


def _execute(settings: Settings, *statements: str) -> None:
    with psycopg.connect(settings.database_url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.mark.covers("P29", "D5")
def test_rows_that_were_deleted_behind_the_syncs_back_are_missed(target: Settings, failed: Failed) -> None:
    _execute(target, "DELETE FROM transcripts WHERE sequence_number = 1")
    found = failed("transcripts")
    assert found.keys() - ELSEWHERE == {CheckName.ROW_COUNT_DELTA}
    assert found[CheckName.ROW_COUNT_DELTA].severity is dg.AssetCheckSeverity.ERROR


def test_children_of_a_deleted_parent_are_not_missed(
    target: Settings, failed: Failed, source: Warehouse, synced: dict[str, SyncResult]
) -> None:
    source.update("gong.call", {"id": 115}, _fivetran_deleted=True)
    try:
        sync_all(target, order=["calls", "transcripts"])
        assert CheckName.ROW_COUNT_DELTA not in failed("transcripts")
        assert CheckName.ROW_COUNT_DELTA not in failed("calls")
    finally:
        source.update("gong.call", {"id": 115}, _fivetran_deleted=False)


def test_a_duplicate_an_orphan_and_a_lost_value_are_found(target: Settings, failed: Failed) -> None:
    _execute(
        target,
        "INSERT INTO transcripts (call_id, sequence_number, text)"
        " SELECT call_id, sequence_number, text FROM transcripts LIMIT 1",
        "INSERT INTO speakers (call_id, name, email) SELECT call_id, name, upper(email) FROM speakers"
        " WHERE email IS NOT NULL LIMIT 1",
        "ALTER TABLE call_opportunities DISABLE TRIGGER ALL",
        "UPDATE call_opportunities SET call_id = gen_random_uuid()"
        " WHERE ctid = (SELECT min(ctid) FROM call_opportunities)",
        "ALTER TABLE opportunities ALTER name DROP NOT NULL",
        "UPDATE opportunities SET name = NULL WHERE id = (SELECT id FROM opportunities LIMIT 1)",
    )
    assert CheckName.UNIQUE_KEYS in failed("transcripts")
    assert CheckName.UNIQUE_KEYS in failed("speakers")
    assert CheckName.REFERENTIAL_INTEGRITY in failed("call_opportunities")
    assert CheckName.REQUIRED_NULLS in failed("opportunities")


def test_a_row_that_waits_for_its_parent_is_counted_with_its_age(
    target: Settings, failed: Failed, source: Warehouse
) -> None:
    source.insert("gong.transcript", [{**monologue(777, 0, "nobody knows this call"), "speaker_id": None}])
    try:
        result = sync_entity(ENTITIES["transcripts"], ENTITIES, target, "waiting")
        found = failed("transcripts", result, later=3)
        assert found.keys() - ELSEWHERE == {CheckName.UNPUBLISHED_ROWS}
        assert "1 rows wait" in str(found[CheckName.UNPUBLISHED_ROWS].description)
        assert float(str(found[CheckName.UNPUBLISHED_ROWS].metadata["oldest_hours"].value)) > 2.9
    finally:
        source.delete("gong.transcript", call_id="777")


@pytest.mark.covers("P35")
def test_a_source_that_changes_shape_or_goes_quiet_is_reported(
    failed: Failed, source: Warehouse, target: Settings
) -> None:
    assert CheckName.FIVETRAN_LAG not in failed("emails")
    assert "Fivetran is late" in str(failed("emails", later=5)[CheckName.FIVETRAN_LAG].description)
    source.alter("ALTER TABLE gong.email ADD COLUMN mood STRING")
    result = sync_entity(ENTITIES["emails"], ENTITIES, target, "new column")
    said = str(failed("emails", result)[CheckName.SOURCE_SCHEMA].description)
    assert "the source column mood is new, and added as emails.mood" in said


def test_a_warehouse_that_is_away_is_not_called_bad_data(failed: Failed) -> None:
    found = failed("emails", bigquery_emulator_host="http://127.0.0.1:1")
    unsure = {name: one for name, one in found.items() if str(one.description).startswith("Could not check")}
    assert found.keys() - unsure.keys() <= {CheckName.FIDELITY}
    assert CheckName.ROW_COUNT_DELTA in unsure
    assert all(one.severity is dg.AssetCheckSeverity.WARN for one in unsure.values())

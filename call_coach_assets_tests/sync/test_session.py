"""One sync of one entity from end to end: its lock, its retries, and what it leaves behind when it fails."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from call_coach_assets.errors import (
    CallCoachError,
    EntityLockedError,
    SourceMissingError,
    SourceUnavailableError,
    TargetUnavailableError,
)
from call_coach_assets.settings import Settings
from call_coach_assets.sync.bookkeeping import ensure
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.entity_sync import EntitySync
from call_coach_assets.sync.locks import entity_lock
from call_coach_assets.sync.postgres import pool_for
from call_coach_assets.sync.result import SyncResult
from call_coach_assets.sync.session import entity_sync, sync_entity
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.faults import FaultProxy
from call_coach_assets_tests.oracle.judge import sync_all
from call_coach_assets_tests.sync.conftest import Sample
from call_coach_assets_tests.warehouse import Warehouse


@pytest.fixture
def warehouse(warehouse: Warehouse) -> Warehouse:
    """A warehouse with three calls."""
    warehouse.create_all()
    warehouse.insert("gong.call", [{"id": str(n), "title": f"Call {n}", "duration": 60} for n in (1, 2, 3)])
    return warehouse


def sync(settings: Settings, name: str = "calls", **options: Any) -> SyncResult:
    entities = load_entities()
    return sync_entity(entities[name], entities, settings, "a run", **options)


def status(settings: Settings) -> dict[str, Any]:
    """The row of `sync_status` that is about calls."""
    statement = "SELECT to_jsonb(s) FROM sync_status s WHERE entity_type = 'calls'"
    with psycopg.connect(settings.database_url) as connection:
        row = connection.execute(statement).fetchone()
    return dict(row[0]) if row else {}


@pytest.mark.covers("P5", "P14")
def test_a_second_run_of_everything_writes_nothing(sample: Sample) -> None:
    assert all(result.inserted for result in sample.results.values())
    again = sync_all(sample.copy(), run_id="again")
    assert {name: result.rows_synced for name, result in again.items()} == dict.fromkeys(again, 0)
    assert sum(result.read for result in again.values()) < sum(result.read for result in sample.results.values())


@pytest.mark.covers("P17", "P28")
def test_a_sync_logs_its_rows_durations_and_checkpoints(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "call_coach_assets"):
        result = sync(settings)
    assert (result.read, result.inserted, result.status, result.attempts) == (3, 3, "success", 1)
    assert result.load_id
    assert result.duration_seconds >= result.extract_seconds + result.publish_seconds > 0
    said = caplog.messages[-1]
    assert "read 3, inserted 3" in said
    assert f"checkpoint None to {result.checkpoint_after}" in said


@pytest.mark.covers("P4", "P30")
def test_a_full_refresh_reads_everything_again_and_writes_what_differs(
    settings: Settings, warehouse: Warehouse
) -> None:
    sync(settings)
    warehouse.advance(datetime(2025, 3, 1, tzinfo=UTC) - warehouse.now)
    warehouse.insert("gong.call", [{"id": "4", "title": "Call 4"}])
    assert sync(settings).inserted == 1
    warehouse.update("gong.call", {"id": "1"}, restamp=False, title="Changed in silence")
    later = sync(settings)
    assert (later.inserted, later.updated) == (0, 0), "only a full refresh sees a change without a stamp"
    full = sync(settings, full_refresh=True)
    assert (full.read, full.updated, full.unchanged, full.deleted) == (4, 1, 3, 0)
    assert full.checkpoint_after == later.checkpoint_after


def test_a_second_sync_of_the_same_entity_is_told_who_is_first(settings: Settings) -> None:
    entities = load_entities()
    ensure(pool_for(settings), entities, settings.sync_schema)
    with (
        entity_lock(settings, "calls", "the first run"),
        pytest.raises(EntityLockedError, match="run the first run, process"),
    ):
        sync(settings)
    assert status(settings) == {}, "the sync that runs says how it went, not the one that was turned away"
    assert sync(settings).inserted == 3


@pytest.mark.covers("P7", "P12", "P26")
def test_a_failed_sync_says_so_and_leaves_the_checkpoint(
    settings: Settings, database: str, warehouse: Warehouse
) -> None:
    good = sync(settings)
    with pytest.raises(SourceMissingError):
        sync(settings_for(database, warehouse, gong_dataset="nowhere"))
    failed = status(settings)
    assert (failed["last_sync_status"], failed["errors_count"]) == ("failed", 1)
    assert "nowhere" in failed["error_details"][0]["reason"]
    assert datetime.fromisoformat(failed["last_sync_timestamp"]) == good.checkpoint_after
    assert sync(settings).rows_synced == 0
    assert status(settings)["last_sync_status"] == "success"


@pytest.mark.covers("P11")
def test_a_failure_of_either_end_is_tried_again_with_new_connections(database: str, warehouse: Warehouse) -> None:
    with FaultProxy.before_emulator(warehouse.url) as source, FaultProxy.before_postgres(database) as target:
        settings = settings_for(target.postgres_url(database), warehouse, bigquery_emulator_host=source.url)
        source.answer(503, when=b"/jobs")
        target.cut(when=b"INSERT INTO sync_status")
        target.call(target.cut_all, when=b"COPY")
        result = sync(settings)
        assert (source.struck, target.struck) == (1, 2)
    assert (result.attempts, result.status) == (4, "success")
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM calls").fetchone() == (3,)


@pytest.mark.covers("P12", "P26")
def test_after_three_retries_each_end_is_named(database: str, warehouse: Warehouse) -> None:
    with FaultProxy.before_emulator(warehouse.url) as source:
        source.answer(500, when=b"/jobs", times=99)
        settings = settings_for(database, warehouse, bigquery_emulator_host=source.url)
        with pytest.raises(SourceUnavailableError):
            sync(settings)
        assert source.struck == 4
    assert status(settings)["last_sync_status"] == "failed"
    with FaultProxy.before_postgres(database) as target:
        target.refuse()
        with pytest.raises(TargetUnavailableError):
            sync(settings_for(target.postgres_url(database), warehouse))


@pytest.mark.covers("P27")
def test_an_absent_optional_base_skips_the_entity_with_a_reason(settings: Settings, warehouse: Warehouse) -> None:
    warehouse.drop("gong.email")
    result = sync(settings, "emails")
    assert "gong.email" in (result.skipped or "") or "gongio_ft.email" in (result.skipped or "")
    assert result.rows_synced == 0


def test_who_runs_the_pipeline_otherwise_gets_the_same_errors(settings: Settings) -> None:
    def land(sync: EntitySync) -> None:
        raise ConnectionResetError("somewhere in dlt")

    with pytest.raises(CallCoachError, match="somewhere in dlt"):
        sync(settings, land=land)
    entities = load_entities()
    with entity_sync(entities["calls"], entities, settings, "by hand") as opened:
        assert opened.source.resources.keys() == {"inbox_calls"}
        opened.pipeline.run(opened.source)
        assert opened.publish().inserted == 3

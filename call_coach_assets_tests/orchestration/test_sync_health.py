"""The report on all entities, from a history of runs that went well, failed, died or were of some entities only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from call_coach_assets.errors import SourceMissingError
from call_coach_assets.orchestration import standings as standings_module
from call_coach_assets.orchestration import sync_health
from call_coach_assets.orchestration.health_sensor import health_sensor, last_ended, tell_health
from call_coach_assets.orchestration.materialization import SKIPPED
from call_coach_assets.orchestration.metrics_export import export_metrics
from call_coach_assets.orchestration.standings import standings
from call_coach_assets.orchestration.sync_health import KEY
from call_coach_assets.settings import read_settings
from call_coach_assets.sync.result import SyncResult
from call_coach_assets_tests.orchestration.runs import finished_run, unfinished_run

ENTITIES = ("calls", "emails")
SETTINGS = read_settings(_env_file=None)
GONE = SourceMissingError("The table gongio_ft.email is gone", why="404", remedy="ask Fivetran")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def _synced(entity: str, rows: int, **more: Any) -> SyncResult:
    newest = datetime.now(UTC) - timedelta(minutes=10)
    return SyncResult(entity=entity, run_id="", inserted=rows, checkpoint_after=newest, duration_seconds=2.0, **more)


def _told(instance: dg.DagsterInstance) -> dict[str, Any]:
    records = instance.fetch_materializations(KEY, limit=1).records
    assert records
    assert records[0].asset_materialization is not None
    return {key: value.value for key, value in records[0].asset_materialization.metadata.items()}


def _look(instance: dg.DagsterInstance, cursor: str | None = None) -> str | None:
    """One tick of the sensor; where it then stands."""
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    return health_sensor(ENTITIES).evaluate_tick(context).cursor


@pytest.mark.covers("P18", "P28")
def test_each_run_is_reported_once_also_one_that_failed_and_all_entities_are_in_it(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = "sync_hourly is switched off"  # this history knows of no schedule; the live daemon's does
    monkeypatch.setattr(sync_health, "automation_problems", lambda _instance: [off])
    assert _look(instance) is None, "nothing has run yet"
    finished_run(instance, {"calls": _synced("calls", 40), "emails": _synced("emails", 8, dead_lettered=1)})
    failed = finished_run(instance, {"calls": _synced("calls", 10, bytes_billed=20_000_000), "emails": GONE})
    assert _look(instance) == failed
    told = _told(instance)
    assert (told["run"], told["summary"]) == (failed, f"Not synced: emails. Automation: {off}.")
    assert told["calls"].startswith("█▆ · success")
    assert told["emails"].startswith("█× · FAILED")
    assert "The table gongio_ft.email is gone: 404. What to do: ask Fivetran" in told["report"]
    assert (told["entities_failing"], told["rows_synced"], told["dead_letters"]) == (1, 18, 1)
    assert 600 <= told["worst_lag_seconds"] < 700
    assert told["usd_per_month"] > 0
    assert _look(instance, failed) == failed
    assert _look(instance, None) == failed, "a sensor that forgot where it was"
    tell_health(instance, ENTITIES, failed, SETTINGS)
    assert len(instance.fetch_materializations(KEY, limit=9).records) == 1


def test_a_run_whose_process_died_is_told_for_what_it_did_not_get_to(instance: dg.DagsterInstance) -> None:
    died = unfinished_run(instance, "emails")
    instance.report_run_failed(died, "gone")
    assert last_ended(instance, ENTITIES) == died.run_id
    calls, emails = standings(instance, ENTITIES)
    assert emails.failure is not None
    assert "its process died" in emails.failure.why
    assert calls.failure is None, "the run was not about them"


def test_an_entity_that_failed_for_good_stays_failed_when_another_is_tried_again(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    finished_run(instance, {"calls": GONE, "emails": GONE})
    finished_run(instance, {"emails": _synced("emails", 1)}, only=True)
    calls, emails = standings(instance, ENTITIES)
    assert (calls.failure is not None, emails.failure) == (True, None)
    target = tmp_path / "call_coach.prom"
    export_metrics(instance, ENTITIES, SETTINGS.model_copy(update={"metrics_textfile": target}))
    lines = target.read_text().splitlines()
    assert 'call_coach_last_sync_failed{entity="calls"} 1.0' in lines
    assert 'call_coach_last_sync_failed{entity="emails"} 0.0' in lines
    assert 'call_coach_rows_synced{entity="emails"} 1.0' in lines


def test_an_entity_that_has_no_table_is_skipped_and_not_failed(instance: dg.DagsterInstance) -> None:
    finished_run(instance, {"calls": GONE, "emails": None})
    observation = dg.AssetObservation("emails", metadata={SKIPPED: "gong.email is not there"})
    instance.report_runless_asset_event(observation)
    assert standings(instance, ENTITIES)[1].skipped == "gong.email is not there"


def test_a_long_history_is_cut(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    assert standings_module.RUNS == 24
    monkeypatch.setattr(standings_module, "RUNS", 3)
    for rows in range(4):
        finished_run(instance, {"calls": _synced("calls", rows)})
    (calls,) = standings(instance, ["calls"])
    assert [attempt.result and attempt.result.rows_synced for attempt in calls.attempts] == [1, 2, 3]

"""The daemon itself, every minute: it runs, skips, retries and alerts as said. In order, for some fifteen minutes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.storage.tags import PARENT_RUN_ID_TAG

from call_coach_assets.local.databases import create_database, drop_database
from call_coach_assets.orchestration.jobs import SYNC_ALL
from call_coach_assets.orchestration.retries import RETRY_TAG, WAIT
from call_coach_assets.orchestration.sync_health import KEY as SYNC_HEALTH
from call_coach_assets_tests.faults import FaultProxy
from call_coach_assets_tests.orchestration.conftest import Stack
from call_coach_assets_tests.orchestration.live import (
    ended,
    held,
    history_of,
    running,
    runs,
    switch_off,
    ticks,
    under_way,
    wait_for,
)
from call_coach_assets_tests.recorder import Recorder
from call_coach_assets_tests.resilience.scene import fill
from call_coach_assets_tests.warehouse import Warehouse

pytestmark = [pytest.mark.live, pytest.mark.timeout(1500)]
SCHEDULE = "sync_hourly"
SLOW_MINUTE = 180.0  # for what happens each minute, on a machine that has other things to do


@pytest.fixture(scope="module")
def receivers() -> Iterator[Recorder]:
    opened = Recorder()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def proxy(emulator: str) -> Iterator[FaultProxy]:
    with FaultProxy.before_emulator(emulator) as opened:
        yield opened


@pytest.fixture(scope="module")
def watched(
    postgres_url: str, emulator: str, proxy: FaultProxy, receivers: Recorder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stack, dg.DagsterInstance]]:
    """A stack whose daemon is running, on a schedule of one minute, and its history."""
    home = tmp_path_factory.mktemp("live")
    (home / "dagster.yaml").symlink_to(Path(__file__).parents[2] / "dagster.yaml")
    stack = Stack(Warehouse(emulator), create_database(postgres_url, "live", template="application"), home)
    create_database(postgres_url, "live_dagster")
    fill(stack.warehouse)
    environment = {
        **stack.environment,
        "BIGQUERY_EMULATOR_HOST": proxy.url,
        "SYNC_CRON": "* * * * *",
        "SLACK_WEBHOOK_URL": f"{receivers.url}/slack",
        "PAGERDUTY_ROUTING_KEY": "routing-key",
        "PAGERDUTY_EVENTS_URL": f"{receivers.url}/pagerduty",
    }
    daemon = [sys.executable, "-m", "dagster._daemon", "run", "--workspace", "workspace.yaml"]
    with running(daemon, environment, home / "daemon.log"), history_of(stack) as instance:
        yield stack, instance
    stack.warehouse.client.close()
    for name in ("live", "live_dagster"):
        drop_database(postgres_url, name)


@pytest.mark.covers("P20", "P22")
def test_a_tick_runs_a_sync_and_one_during_a_run_is_skipped_with_its_reason(
    watched: tuple[Stack, dg.DagsterInstance],
) -> None:
    _, instance = watched
    run = wait_for(lambda: under_way(instance, SYNC_ALL), SLOW_MINUTE, "a run of the schedule")
    run_id = run.dagster_run.run_id
    with held(run):
        skipped = wait_for(
            lambda: [tick for tick in ticks(instance, SCHEDULE) if tick.status is TickStatus.SKIPPED],
            SLOW_MINUTE,
            "a tick that is skipped",
        )
    assert skipped[0].tick_data.skip_reason == f"Run {run_id} of {SYNC_ALL} is still started."
    assert [one.dagster_run.run_id for one in runs(instance, SYNC_ALL)] == [run_id]
    assert _next_end(instance, after=None).dagster_run.status is DagsterRunStatus.SUCCESS
    started = [tick for tick in ticks(instance, SCHEDULE) if tick.status is TickStatus.SUCCESS]
    assert run_id in started[-1].run_ids


@pytest.mark.covers("P19", "P35")
def test_three_failed_runs_page_once_and_recovery_resolves_the_same_incident(
    watched: tuple[Stack, dg.DagsterInstance], receivers: Recorder
) -> None:
    stack, instance = watched
    assert receivers.requests == []
    speakers = stack.warehouse.rows("gong.call_speaker")
    stack.warehouse.drop("gong.call_speaker")
    failed = _next_end(instance, after=runs(instance, SYNC_ALL)[0])
    while failed.dagster_run.status is DagsterRunStatus.SUCCESS:  # it had read the table before that was gone
        failed = _next_end(instance, after=failed)
    wait_for(lambda: receivers.bodies("/slack"), SLOW_MINUTE, "the message of the first failure")
    assert receivers.bodies("/pagerduty") == []
    (trigger,) = wait_for(lambda: receivers.bodies("/pagerduty"), 3 * SLOW_MINUTE, "the page")
    assert (trigger["event_action"], trigger["routing_key"]) == ("trigger", "routing-key")
    _next_end(instance, after=runs(instance, SYNC_ALL)[0])
    wait_for(lambda: _health(instance).startswith("Not synced: calls, speakers."), SLOW_MINUTE, "a report of it")
    stack.warehouse.insert("gong.call_speaker", speakers)
    _, resolve = wait_for(
        lambda: bodies if len(bodies := receivers.bodies("/pagerduty")) > 1 else None, 2 * SLOW_MINUTE, "the resolution"
    )
    assert (resolve["event_action"], resolve["dedup_key"]) == ("resolve", trigger["dedup_key"])
    wait_for(
        lambda: _health(instance).startswith("All 6 entities are synced."), SLOW_MINUTE, "a report of the recovery"
    )
    opened, escalated, recovered = (body["text"] for body in receivers.bodies("/slack"))
    for part in ("The sync failed: calls, speakers", "gongio_ft.call_speaker", "What to do", failed.dagster_run.run_id):
        assert part in opened
    assert escalated.startswith("The sync failed 3 times in a row: calls, speakers")
    assert recovered.startswith("Recovered: calls, speakers")


@pytest.mark.covers("P11")
def test_what_can_pass_is_run_again_five_minutes_later_and_nobody_is_told(
    watched: tuple[Stack, dg.DagsterInstance], proxy: FaultProxy, receivers: Recorder
) -> None:
    _, instance = watched
    told = len(receivers.requests)
    wait_for(lambda: under_way(instance, SYNC_ALL) is None, SLOW_MINUTE, "the end of what runs")
    last = runs(instance, SYNC_ALL)[0]
    proxy.refuse()
    wait_for(lambda: runs(instance, SYNC_ALL)[0].dagster_run.run_id != last.dagster_run.run_id, SLOW_MINUTE, "a run")
    switch_off(instance, SCHEDULE)
    failed = _next_end(instance, after=last)
    assert failed.dagster_run.status is DagsterRunStatus.FAILURE
    proxy.accept()
    retry = _next_end(instance, after=failed, seconds=WAIT.total_seconds() + SLOW_MINUTE)
    assert retry.dagster_run.tags[RETRY_TAG] == "1"
    assert retry.dagster_run.tags[PARENT_RUN_ID_TAG] == failed.dagster_run.run_id
    assert retry.dagster_run.status is DagsterRunStatus.SUCCESS
    assert (retry.start_time or 0) - (failed.end_time or 0) >= WAIT.total_seconds()
    looks = len(ticks(instance, "alerts"))
    wait_for(lambda: len(ticks(instance, "alerts")) > looks + 1, SLOW_MINUTE, "a look at the retry")
    assert len(receivers.requests) == told
    off = "Automation: sync_hourly is switched off."
    wait_for(lambda: _health(instance).endswith(off), SLOW_MINUTE, "a report that says what is off")


def _health(instance: dg.DagsterInstance) -> str:
    """What `sync_health` says last."""
    told = instance.get_latest_materialization_event(SYNC_HEALTH)
    return str(told.asset_materialization.description) if told and told.asset_materialization else ""


def _next_end(instance: dg.DagsterInstance, *, after: RunRecord | None, seconds: float = SLOW_MINUTE) -> RunRecord:
    """The first run after `after`, the first of all where that is None, once it is over."""
    position = after.storage_id if after else 0

    def found() -> RunRecord | None:
        later = [record for record in runs(instance, SYNC_ALL) if record.storage_id > position]
        return later[-1] if later and ended(later[-1]) else None

    return wait_for(found, seconds, "the end of the next run")

"""When the schedule runs, and when it does not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from call_coach_assets.orchestration.executor import PROCESS_TAG
from call_coach_assets.orchestration.jobs import SYNC_ALL
from call_coach_assets.orchestration.sync_schedule import hourly_schedule
from call_coach_assets.settings import read_settings
from call_coach_assets_tests.orchestration.runs import finished_run, unfinished_run

ENTITIES = ("calls", "emails")


def _tick(instance: dg.DagsterInstance) -> tuple[int, str | None]:
    """How many runs a tick asks for, and why none."""
    job = dg.define_asset_job(SYNC_ALL, selection=dg.AssetSelection.assets(*ENTITIES))
    schedule = hourly_schedule(job, ENTITIES, read_settings(_env_file=None))
    data = schedule.evaluate_tick(dg.build_schedule_context(instance=instance))
    return len(data.run_requests or []), data.skip_message


@pytest.mark.covers("P20", "D4", "P34")
def test_it_runs_hourly_on_the_hour_and_is_on_unless_the_settings_say_otherwise() -> None:
    job = dg.define_asset_job(SYNC_ALL)
    usual = hourly_schedule(job, ENTITIES, read_settings(_env_file=None))
    assert (usual.cron_schedule, usual.execution_timezone) == ("0 * * * *", "UTC")
    assert usual.default_status is dg.DefaultScheduleStatus.RUNNING
    other = hourly_schedule(
        job, ENTITIES, read_settings(_env_file=None, sync_cron="15 6 * * *", sync_timezone="Asia/Tokyo")
    )
    assert (other.cron_schedule, other.execution_timezone) == ("15 6 * * *", "Asia/Tokyo")


@pytest.mark.covers("P22")
@pytest.mark.parametrize("status", [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
def test_a_tick_during_any_sync_is_skipped_and_names_the_run(status: DagsterRunStatus) -> None:
    with dg.instance_for_test() as instance:
        run = unfinished_run(instance, "emails", status)
        asked, reason = _tick(instance)
    assert asked == 0
    assert reason is not None
    assert run.run_id in reason


def test_a_finished_sync_and_a_run_of_something_else_stop_no_tick() -> None:
    with dg.instance_for_test() as instance:
        finished_run(instance, {"calls": None})
        unfinished_run(instance, "somebody_elses_asset")
        assert _tick(instance) == (1, None)


@pytest.mark.covers("P22")
def test_a_run_whose_process_was_killed_is_marked_as_failed_and_stops_no_tick() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with dg.instance_for_test() as instance:
        dead = unfinished_run(instance, "calls", **{PROCESS_TAG: f"{socket.gethostname()}:{gone.pid}"})
        assert _tick(instance) == (1, None)
        buried = instance.get_run_by_id(dead.run_id)
        assert buried is not None
        assert buried.status is DagsterRunStatus.FAILURE
        unfinished_run(instance, "calls", **{PROCESS_TAG: f"{socket.gethostname()}:{os.getpid()}"})
        unfinished_run(instance, "calls", **{PROCESS_TAG: f"another-machine:{gone.pid}"})
        assert _tick(instance)[0] == 0, "a living process, and one that cannot be seen from here, still sync"

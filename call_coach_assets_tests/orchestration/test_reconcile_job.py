"""The job that reconciles: what it is told, what it tells, and when it does not run."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster import DagsterRunStatus

from call_coach_assets.orchestration.reconcile_job import STEP, reconcile_job, reconcile_schedules
from call_coach_assets.orchestration.resources import SyncSettings
from call_coach_assets.settings import read_settings
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets_tests.cli.conftest import run
from call_coach_assets_tests.oracle.judge import sync_all
from call_coach_assets_tests.orchestration.conftest import Stack
from call_coach_assets_tests.orchestration.runs import unfinished_run

ENTITIES = list(load_entities(check_queries=False).values())


def test_it_runs_daily_and_for_the_largest_table_weekly_but_never_beside_a_sync() -> None:
    daily, weekly = reconcile_schedules(ENTITIES, read_settings(_env_file=None, reconcile_weekly_cron="0 5 * * 6"))
    assert (daily.cron_schedule, weekly.cron_schedule) == ("30 3 * * *", "0 5 * * 6")
    with dg.instance_for_test() as instance:
        (wanted,) = weekly.evaluate_tick(dg.build_schedule_context(instance=instance)).run_requests or []
        assert wanted.run_config == {"ops": {STEP: {"config": {"entities": ["transcripts"]}}}}
        unfinished_run(instance, "emails", DagsterRunStatus.STARTED)
        skipped = daily.evaluate_tick(dg.build_schedule_context(instance=instance))
    assert not skipped.run_requests
    assert "is still started" in str(skipped.skip_message)


@pytest.mark.covers("S5")
def test_the_job_and_the_command_tell_what_differs_and_repair_it(stack: Stack, tmp_path: Path) -> None:
    sync_all(read_settings(), order=["opportunities"])
    tamper = "UPDATE opportunities SET stage = 'Elsewhere' WHERE id = (SELECT max(id::text)::uuid FROM opportunities)"
    with psycopg.connect(stack.database) as connection:
        connection.execute(tamper)
    told = run("reconcile", "--dry-run", "opportunities")
    assert told.exit_code == 1, told.output
    assert "opportunities differs by column: stage in 1" in told.stdout

    with dg.DagsterInstance.ephemeral() as instance:
        done = reconcile_job.execute_in_process(
            run_config={"ops": {STEP: {"config": {"entities": ["opportunities"]}}}},
            resources={"sync_settings": SyncSettings()},
            instance=instance,
        )
        (record,) = instance.fetch_observations(dg.AssetKey("opportunities"), limit=1).records
    assert done.success
    assert record.asset_observation is not None
    assert record.asset_observation.metadata["remaining"].value == 0
    repaired = run("reconcile", "opportunities")
    assert repaired.exit_code == 0, repaired.output
    assert "equal" in repaired.stdout
    assert run("reconcile", "nobody").exit_code == 1

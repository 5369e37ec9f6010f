"""Runs in a history, made by running a small job that ends as a test wants it to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import dagster as dg
from dagster import DagsterRun, DagsterRunStatus

from call_coach_assets.orchestration.failures import failure_of
from call_coach_assets.orchestration.jobs import SYNC_ALL
from call_coach_assets.settings import read_settings

Outcome = Exception | None


def finished_run(
    instance: dg.DagsterInstance, outcomes: Mapping[str, Outcome], tags: Mapping[str, str] | None = None
) -> str:
    """Run a job called like the real one, with an asset for each entity that ends as told; the run's id."""
    assets = [_asset(name, outcome) for name, outcome in outcomes.items()]
    job = dg.define_asset_job(SYNC_ALL, selection=list(outcomes))
    resolved = dg.Definitions(assets=assets, jobs=[job]).resolve_job_def(SYNC_ALL)
    return resolved.execute_in_process(instance=instance, raise_on_error=False, tags=dict(tags or {})).run_id


def unfinished_run(
    instance: dg.DagsterInstance, entity: str, status: DagsterRunStatus = DagsterRunStatus.STARTED, **tags: str
) -> DagsterRun:
    """A run of the UI's Materialize button that is still going on."""
    return instance.create_run(
        job_name="__ASSET_JOB", run_id=None, run_config=None, status=status, tags=tags, root_run_id=None,
        parent_run_id=None, step_keys_to_execute=None, execution_plan_snapshot=None, job_snapshot=None,
        parent_job_snapshot=None, asset_selection=frozenset([dg.AssetKey(entity)]), asset_check_selection=None,
        resolved_op_selection=None, op_selection=None, remote_job_origin=None, job_code_origin=None, asset_graph=None,
    )  # fmt: skip


def _asset(name: str, outcome: Outcome) -> dg.AssetsDefinition:
    def compute() -> None:
        if outcome is not None:
            raise failure_of(outcome, read_settings(_env_file=None)) from None

    decorate: Callable[[Callable[[], None]], dg.AssetsDefinition] = dg.asset(name=name)
    return decorate(compute)

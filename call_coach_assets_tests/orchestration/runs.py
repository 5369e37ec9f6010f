"""Runs in a history, made by running a small job that ends as a test wants it to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterRun, DagsterRunStatus

from call_coach_assets.orchestration.failures import failure_of
from call_coach_assets.orchestration.jobs import SYNC_ALL
from call_coach_assets.orchestration.materialization import metadata_of
from call_coach_assets.settings import read_settings
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.result import SyncResult

ENTITIES = load_entities(check_queries=False)

Outcome = Exception | SyncResult | None


def finished_run(
    instance: dg.DagsterInstance,
    outcomes: Mapping[str, Outcome],
    tags: Mapping[str, str] | None = None,
    *,
    only: bool = False,
) -> str:
    """Run a job called like the real one, with an asset for each entity that ends as told; the run's id.

    `only` says that nothing but these was selected, as a retry does.
    """
    assets = [_asset(name, outcome) for name, outcome in outcomes.items()]
    job = dg.define_asset_job(SYNC_ALL, selection=list(outcomes))
    resolved = dg.Definitions(assets=assets, jobs=[job]).resolve_job_def(SYNC_ALL)
    selection = [dg.AssetKey(name) for name in outcomes] if only else None
    return resolved.execute_in_process(
        instance=instance, raise_on_error=False, tags=dict(tags or {}), asset_selection=selection
    ).run_id


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
    def compute() -> dg.MaterializeResult[None]:
        settings = read_settings(_env_file=None)
        if isinstance(outcome, Exception):
            raise failure_of(outcome, settings) from None
        result = outcome or SyncResult(entity=name, run_id="")
        return dg.MaterializeResult(metadata=metadata_of(result, ENTITIES[name], settings, datetime.now(UTC)))

    decorate: Callable[[Callable[[], dg.MaterializeResult[None]]], dg.AssetsDefinition] = dg.asset(name=name)
    return decorate(compute)

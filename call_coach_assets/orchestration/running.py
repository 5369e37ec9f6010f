"""Which runs are syncing right now, and which only look as if they were."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection

import dagster as dg
from dagster import DagsterRun, DagsterRunStatus
from dagster._core.storage.dagster_run import RunsFilter

from call_coach_assets.orchestration.executor import PROCESS_TAG
from call_coach_assets.orchestration.jobs import RECONCILE, SYNC_ALL

UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_DIED = "The process of this run ended without finishing it; its entities resume from their last checkpoints."


def sync_in_progress(instance: dg.DagsterInstance, entities: Collection[str]) -> DagsterRun | None:
    """The oldest unfinished run that syncs one of `entities`, or reconciles; None where there is none.

    A run whose process on this host is gone is marked as failed, and is no longer in progress.
    """
    runs = instance.get_runs(filters=RunsFilter(statuses=UNFINISHED), ascending=True)
    return next((run for run in runs if writes(run, entities) and not _bury(instance, run)), None)


def writes(run: DagsterRun, entities: Collection[str]) -> bool:
    """Whether `run` changes the tables of any of `entities`: it syncs one, or reconciles."""
    return run.job_name == RECONCILE or syncs(run, entities)


def syncs(run: DagsterRun, entities: Collection[str]) -> bool:
    """Whether `run` materializes one of `entities`."""
    if not run.asset_selection:
        return run.job_name == SYNC_ALL
    return any(key.to_user_string() in entities for key in run.asset_selection)


def _bury(instance: dg.DagsterInstance, run: DagsterRun) -> bool:
    """Mark a run as failed whose process is gone; says whether it was."""
    host, _, process = run.tags.get(PROCESS_TAG, "").partition(":")
    if run.status != DagsterRunStatus.STARTED or host != socket.gethostname() or _alive(int(process)):
        return False
    instance.report_run_failed(run, _DIED)
    return True


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

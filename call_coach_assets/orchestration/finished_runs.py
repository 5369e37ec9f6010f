"""Dagster's record of runs that have ended, as the facts that alerts are decided on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus
from dagster._core.storage.dagster_run import RunRecord, RunsFilter

from call_coach_assets.orchestration.failures import EntityFailure, failures_of_run
from call_coach_assets.orchestration.retries import retry_of
from call_coach_assets.orchestration.running import syncs
from call_coach_assets.reporting.incidents import FinishedRun, Problem

_STATUSES = {
    DagsterRunStatus.SUCCESS: "success",
    DagsterRunStatus.FAILURE: "failure",
    DagsterRunStatus.CANCELED: "canceled",
}
_PROCESS_DIED = "The run ended without saying why: its process died, or it hung and was ended"


def finished_since(
    instance: dg.DagsterInstance, moment: datetime, seen: Collection[str], entities: Collection[str]
) -> list[FinishedRun]:
    """Runs that sync any of `entities` and ended at `moment` (aware) or later, without `seen`, oldest first."""
    changed = RunsFilter(statuses=list(_STATUSES), updated_after=moment)
    records = [
        record
        for record in instance.get_run_records(filters=changed)
        if record.end_time and record.dagster_run.run_id not in seen and syncs(record.dagster_run, entities)
    ]
    return [_finished(instance, record) for record in sorted(records, key=lambda record: record.end_time or 0)]


def _finished(instance: dg.DagsterInstance, record: RunRecord) -> FinishedRun:
    run = record.dagster_run
    failures = failures_of_run(instance, run.run_id)
    retry = retry_of(instance, record)
    passing = set(retry.entities) if retry else set()
    problems = [_problem(failure) for name, failure in failures.items() if name not in passing]
    if run.status == DagsterRunStatus.FAILURE and not failures:
        problems = [Problem(entity="the run", what=_PROCESS_DIED, remedy="see the run's log; `call-coach doctor`")]
    return FinishedRun(
        run_id=run.run_id,
        ended_at=datetime.fromtimestamp(record.end_time or 0, UTC),
        status=_STATUSES[run.status],
        problems=(*problems, *_failed_checks(instance, run.run_id)),
        synced=_synced(instance, run.run_id) + (("the run",) if run.status == DagsterRunStatus.SUCCESS else ()),
        retried=retry is not None and set(failures) <= passing,
    )


def _problem(failure: EntityFailure) -> Problem:
    what = f"{failure.what}: {failure.why}" if failure.why else failure.what
    return Problem(entity=failure.entity, what=what, remedy=failure.remedy)


def _failed_checks(instance: dg.DagsterInstance, run_id: str) -> list[Problem]:
    events = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations = [entry.dagster_event.asset_check_evaluation_data for entry in events if entry.dagster_event]
    return [
        Problem(
            entity=found.asset_key.to_user_string(),
            what=f"the check {found.check_name} failed: {found.description or 'see its page'}",
            remedy="docs/operations.md says what the check means",
        )
        for found in evaluations
        if not found.passed and found.severity == dg.AssetCheckSeverity.ERROR
    ]


def _synced(instance: dg.DagsterInstance, run_id: str) -> tuple[str, ...]:
    events = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    keys = [entry.dagster_event.asset_key for entry in events if entry.dagster_event]
    return tuple(key.to_user_string() for key in keys if key)

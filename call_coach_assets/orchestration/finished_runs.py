"""Dagster's record of runs that have ended, as the facts that alerts are decided on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus
from dagster._core.storage.dagster_run import RunRecord, RunsFilter

from call_coach_assets.orchestration.failures import EntityFailure, failure_from, failures_of_run
from call_coach_assets.orchestration.jobs import RECONCILE
from call_coach_assets.orchestration.reconcile_job import FAILED
from call_coach_assets.orchestration.retries import first_of, retry_of
from call_coach_assets.orchestration.running import writes
from call_coach_assets.reporting.incidents import THE_RUN, FinishedRun, Problem

_STATUSES = {
    DagsterRunStatus.SUCCESS: "success",
    DagsterRunStatus.FAILURE: "failure",
    DagsterRunStatus.CANCELED: "canceled",
}
_DIED = Problem(
    entity=THE_RUN,
    what="The run ended without saying why: its process died, or it hung and was ended",
    remedy="see the run's log; `call-coach doctor`",
)


def finished_since(
    instance: dg.DagsterInstance, moment: datetime, seen: Collection[str], entities: Collection[str]
) -> list[FinishedRun]:
    """Runs that sync any of `entities`, or reconcile, which ended at `moment` (aware) or later; without `seen`.

    The one that ended first is the first.
    """
    changed = RunsFilter(statuses=list(_STATUSES), updated_after=moment)
    records = [
        record
        for record in instance.get_run_records(filters=changed)
        if record.end_time and record.dagster_run.run_id not in seen and writes(record.dagster_run, entities)
    ]
    return [_facts(instance, record) for record in sorted(records, key=lambda record: record.end_time or 0)]


def _facts(instance: dg.DagsterInstance, record: RunRecord) -> FinishedRun:
    return (_reconciled if record.dagster_run.job_name == RECONCILE else _synced_run)(instance, record)


def _reconciled(instance: dg.DagsterInstance, record: RunRecord) -> FinishedRun:
    """A run of the reconcile job, which tells of each entity by an observation."""
    run = record.dagster_run
    entries = _events(instance, run.run_id, DagsterEventType.ASSET_OBSERVATION)
    told = [one for entry in entries if (one := entry.asset_observation)]
    failed = {one.asset_key.to_user_string(): one for one in told if _says_failed(one)}
    problems = [_problem(failure_from(name, one.metadata, one.description or "")) for name, one in failed.items()]
    if run.status == DagsterRunStatus.FAILURE and not problems:
        step = failures_of_run(instance, run.run_id).values()
        problems = [_problem(replace(failure, entity=THE_RUN)) for failure in step] or [_DIED]
    whole = {THE_RUN} if run.status == DagsterRunStatus.SUCCESS else set()
    return FinishedRun(
        run_id=run.run_id,
        job="reconcile",
        ended_at=datetime.fromtimestamp(record.end_time or 0, UTC),
        status=_STATUSES[run.status],
        problems=tuple(problems),
        synced=tuple(sorted({one.asset_key.to_user_string() for one in told} - set(failed) | whole)),
    )


def _says_failed(observation: dg.AssetObservation) -> bool:
    status = observation.metadata.get("status")
    return status is not None and status.value == FAILED


def _synced_run(instance: dg.DagsterInstance, record: RunRecord) -> FinishedRun:
    run = record.dagster_run
    failures = failures_of_run(instance, run.run_id)
    retry = retry_of(instance, record)
    passing = set(retry.entities) if retry else set()
    problems = [_problem(failure) for name, failure in failures.items() if name not in passing]
    if run.status == DagsterRunStatus.FAILURE and not failures:
        problems = [_DIED]
    return FinishedRun(
        run_id=run.run_id,
        first=first_of(run),
        ended_at=datetime.fromtimestamp(record.end_time or 0, UTC),
        status=_STATUSES[run.status],
        problems=(*problems, *_failed_checks(instance, run.run_id)),
        synced=_synced(instance, run.run_id) + ((THE_RUN,) if run.status == DagsterRunStatus.SUCCESS else ()),
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
            check=True,
        )
        for found in evaluations
        if not found.passed and found.severity == dg.AssetCheckSeverity.ERROR
    ]


def _synced(instance: dg.DagsterInstance, run_id: str) -> tuple[str, ...]:
    entries = _events(instance, run_id, DagsterEventType.ASSET_MATERIALIZATION)
    return tuple(one.asset_key.to_user_string() for entry in entries if (one := entry.asset_materialization))


def _events(instance: dg.DagsterInstance, run_id: str, kind: DagsterEventType) -> list[dg.EventLogEntry]:
    return list(instance.all_logs(run_id, of_type=kind))

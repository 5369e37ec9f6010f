"""Running a failed sync again: only for what can succeed, at most twice, five minutes apart.

Dagster's own run retries start at once and know no error from another. This sensor waits, leaves permanent errors to
people, and runs only the entities that failed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from dagster import DagsterRun, DagsterRunStatus
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.dagster_run import RunRecord, RunsFilter
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG

from call_coach_assets.orchestration.failures import failures_of_run
from call_coach_assets.orchestration.jobs import SYNC_ALL
from call_coach_assets.orchestration.running import sync_in_progress

RETRIES = 2
WAIT = timedelta(minutes=5)
FORGET = timedelta(
    hours=1
)  # a later failure of the daemon must not revive an old run: the next hour reads the same rows
RETRY_TAG = "call_coach/retry"


@dataclass(frozen=True)
class Retry:
    """One more attempt at the entities of a run that failed for a reason that may have passed."""

    of: DagsterRun
    number: int
    entities: tuple[str, ...]
    due: datetime

    def request(self) -> dg.RunRequest:
        """What to launch: the failed entities only, as the first run was configured."""
        return dg.RunRequest(
            run_key=f"{self.of.run_id}/{self.number}",
            run_config=_config(self.of, self.entities),
            asset_selection=[dg.AssetKey(name) for name in self.entities],
            tags={
                RETRY_TAG: str(self.number),
                PARENT_RUN_ID_TAG: self.of.run_id,
                ROOT_RUN_ID_TAG: first_of(self.of),
            },
        )


def first_of(run: DagsterRun) -> str:
    """The id of the run that `run` tries again, however often; its own where it tries none."""
    return run.tags.get(ROOT_RUN_ID_TAG, run.run_id)


def retry_sensor(job: UnresolvedAssetJobDefinition, entities: Collection[str]) -> dg.SensorDefinition:
    """The sensor that runs failed entities again."""

    @dg.sensor(
        name="retry_failed_sync",
        job=job,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Runs failed entities again, twice at most and five minutes apart, where the error can pass: the"
        " network, a quota, a database that restarts. Anything else waits for a person, and an alert says so.",
    )
    def retry_failed_sync(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        due = [retry for retry in pending_retries(context.instance) if retry.due <= datetime.now(UTC)]
        running = sync_in_progress(context.instance, entities) if due else None
        if running is not None:
            yield dg.SkipReason(f"Run {running.run_id} is syncing; the retry waits for its end.")
        elif not due:
            yield dg.SkipReason("No failed run is due for a retry.")
        else:
            yield from (retry.request() for retry in due)

    return retry_failed_sync


def pending_retries(instance: dg.DagsterInstance) -> list[Retry]:
    """The attempts that are still to come: for the last run of the job, if it failed for what can pass."""
    last = instance.get_run_records(filters=RunsFilter(job_name=SYNC_ALL), limit=1)
    planned = (retry_of(instance, record) for record in last)
    return [retry for retry in planned if retry is not None]


def retry_of(instance: dg.DagsterInstance, record: RunRecord) -> Retry | None:
    """The attempt that follows `record`; None where it succeeded, failed for good, or is too long ago."""
    run = record.dagster_run
    number = int(run.tags.get(RETRY_TAG, "0")) + 1
    if (
        run.job_name != SYNC_ALL
        or run.status != DagsterRunStatus.FAILURE
        or number > RETRIES
        or record.end_time is None
    ):
        return None
    ended = datetime.fromtimestamp(record.end_time, UTC)
    names = _retryable(instance, run)
    if not names or datetime.now(UTC) - ended > FORGET:
        return None
    return Retry(run, number, names, ended + WAIT)


def _retryable(instance: dg.DagsterInstance, run: DagsterRun) -> tuple[str, ...]:
    """The entities whose failure was transient; where the process died, all that it did not get to."""
    failures = failures_of_run(instance, run.run_id)
    if failures:
        return tuple(sorted(name for name, failure in failures.items() if failure.transient))
    planned = _entities(instance, run.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    return tuple(sorted(planned - _entities(instance, run.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)))


def _entities(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> set[str]:
    events = (entry.dagster_event for entry in instance.all_logs(run_id, of_type=kind))
    return {event.asset_key.to_user_string() for event in events if event and event.asset_key}


def _config(run: DagsterRun, entities: Collection[str]) -> dict[str, Any]:
    """The configuration of the run, as far as it is about `entities`."""
    config: Mapping[str, Any] = run.run_config
    ops = {name: each for name, each in config.get("ops", {}).items() if name in entities}
    return {"ops": ops} if ops else {}

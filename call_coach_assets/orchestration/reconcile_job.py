"""The job that compares both ends and repairs what differs, and the schedules by which it runs."""

from collections.abc import Iterable, Mapping
from typing import Literal

import dagster as dg
from pydantic import Field

from call_coach_assets.errors import CallCoachError
from call_coach_assets.orchestration.failures import failure_of
from call_coach_assets.orchestration.jobs import RECONCILE
from call_coach_assets.orchestration.resources import SyncSettings
from call_coach_assets.orchestration.running import sync_in_progress
from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.reconciliations import ReconcileStatus, Reconciliation
from call_coach_assets.sync.selection import chosen

STEP = "reconcile_entities"
FAILED = "failed"  # the status that an entity's observation has where it could not be reconciled
Interval = Literal["daily", "weekly"]
_SOUND = {ReconcileStatus.EQUAL, ReconcileStatus.REPAIRED, ReconcileStatus.SKIPPED}


class ReconcileConfig(dg.Config):
    """What a person may choose when launching the job."""

    entities: list[str] = Field(default=[], description="The entities to compare; all of them where none is named.")
    dry_run: bool = Field(default=False, description="Only tell what differs: nothing is synced, repaired or written.")


@dg.op(
    name=STEP,
    description="Syncs each entity, compares keys and column checksums of both ends, and repairs what differs.",
    out=dg.Out(dg.Nothing),
)
def reconcile_op(context: dg.OpExecutionContext, config: ReconcileConfig, sync_settings: SyncSettings) -> None:
    """Reconcile one entity after the other, parents first; one that fails stops no other, and fails the op."""
    from call_coach_assets.sync.declarations import load_entities
    from call_coach_assets.sync.reconcile import reconcile

    settings, entities = sync_settings.read(), load_entities(check_queries=False)
    failures: dict[str, dg.Failure] = {}
    for entity in chosen(entities.values(), config.entities):
        try:
            result = reconcile(entity, entities, settings, context.run_id, dry_run=config.dry_run)
            _tell(context, result)
            if not config.dry_run:
                _raise_if_wrong(result)
        except Exception as error:
            failures[entity.name] = failure = failure_of(error, settings)
            _tell_failure(context, entity.name, failure)
    if failures:
        raise _failure_of_all(failures)


@dg.job(
    name=RECONCILE,
    description="Compares Postgres with BigQuery column by column, and repairs exactly what differs. It costs one scan"
    " of the compared columns of each entity, and tells on the entity's page what it billed.",
    tags={"call_coach/job": "reconcile"},
)
def reconcile_job() -> None:
    """One op, which goes through the entities."""
    reconcile_op()


def reconcile_schedules(entities: Iterable[Entity], settings: Settings) -> list[dg.ScheduleDefinition]:
    """`reconcile_daily` and `reconcile_weekly`, each for the entities that declare it; none for no entity."""
    known = list(entities)
    crons: dict[Interval, str] = {"daily": settings.reconcile_daily_cron, "weekly": settings.reconcile_weekly_cron}
    return [
        _schedule(interval, cron, names, [entity.name for entity in known], settings)
        for interval, cron in crons.items()
        if (names := [entity.name for entity in known if entity.reconcile == interval])
    ]


def _schedule(
    interval: Interval, cron: str, names: list[str], all_names: list[str], settings: Settings
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"reconcile_{interval}",
        job=reconcile_job,
        cron_schedule=cron,
        execution_timezone=settings.sync_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Reconciles {', '.join(names)}. A tick while a sync or a reconcile is running is skipped.",
    )
    def reconcile_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        running = sync_in_progress(context.instance, all_names)
        if running is not None:
            return dg.SkipReason(f"Run {running.run_id} of {running.job_name} is still {running.status.value.lower()}.")
        return dg.RunRequest(run_config={"ops": {STEP: {"config": {"entities": names}}}})

    return reconcile_schedule


def _tell(context: dg.OpExecutionContext, result: Reconciliation) -> None:
    """Put the figures on the entity's page."""
    figures = {**result.figures, "different": dict(result.different), "status": result.status.value}
    says = result.skipped or "; ".join(result.examples) or f"Reconciled: {result.status}."
    context.log_event(
        dg.AssetObservation(asset_key=result.entity, description=says, metadata={"dry_run": result.dry_run, **figures})
    )


def _tell_failure(context: dg.OpExecutionContext, entity: str, failure: dg.Failure) -> None:
    """Say on the entity's page, in the log, and to the alerts, why it was not reconciled."""
    context.log.error(f"{entity}: {failure.description}")
    told = {"status": dg.MetadataValue.text(FAILED), **failure.metadata}
    context.log_event(dg.AssetObservation(asset_key=entity, description=failure.description, metadata=told))


def _failure_of_all(failures: Mapping[str, dg.Failure]) -> dg.Failure:
    """What the run fails with."""
    first = next(iter(failures.values()))
    if len(failures) == 1:
        return first
    names = f"{', '.join(failures)} could not be reconciled; of {next(iter(failures))}: {first.description}"
    return dg.Failure(names, dict(first.metadata), allow_retries=False)


def _raise_if_wrong(result: Reconciliation) -> None:
    """Raise where too much would have been deleted, or something still differs."""
    result.raise_if_refused()
    if result.status not in _SOUND:
        raise CallCoachError(
            f"{result.remaining} rows of {result.entity} still differ from the source",
            why="; ".join(result.examples),
            remedy="see `call-coach dead-letters list` and the log of the run; then reconcile again",
        )

"""The hourly schedule: on by default, and never two syncs at once."""

from __future__ import annotations

from collections.abc import Collection

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from call_coach_assets.orchestration.running import sync_in_progress
from call_coach_assets.settings import Settings


def hourly_schedule(
    job: UnresolvedAssetJobDefinition, entities: Collection[str], settings: Settings
) -> dg.ScheduleDefinition:
    """The schedule that runs `job` by SYNC_CRON; a tick during a sync of any of `entities` is skipped with a reason."""

    @dg.schedule(
        name="sync_hourly",
        job=job,
        cron_schedule=settings.sync_cron,
        execution_timezone=settings.sync_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Syncs all entities, on the hour unless SYNC_CRON says otherwise. An hour in which a sync is still"
        " running is skipped; the next one reads what it would have read.",
    )
    def sync_hourly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        running = sync_in_progress(context.instance, entities)
        if running is None:
            return dg.RunRequest()
        return dg.SkipReason(f"Run {running.run_id} of {running.job_name} is still {running.status.value.lower()}.")

    return sync_hourly

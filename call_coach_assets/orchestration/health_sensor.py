"""The sensor that looks whether a sync has ended, and then renews `sync_health` and exports metrics.

It is apart from the alerts, so that neither keeps the other from its work: where it fails, its own tick says so, and it
tries again with the next.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from call_coach_assets.orchestration.standings import ended_syncs, standings
from call_coach_assets.settings import Settings, load_settings

_LOOKED_AT = 10  # the newest runs: one that ended is among them at the next look


def health_sensor(entities: Sequence[str]) -> dg.SensorDefinition:
    """The sensor over runs that sync any of `entities`."""

    @dg.sensor(
        name="health",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Renews the asset sync_health after each run, and exports metrics for Prometheus where"
        " METRICS_TEXTFILE or METRICS_PUSH_GATEWAY is set.",
    )
    def health(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        run_id = last_ended(context.instance, entities)
        if run_id is None or run_id == context.cursor:
            return dg.SkipReason("No sync has ended since the last look.")
        tell_health(context.instance, entities, run_id, load_settings())
        context.update_cursor(run_id)
        return dg.SkipReason(f"sync_health is renewed after run {run_id}.")

    return health


def last_ended(instance: dg.DagsterInstance, entities: Sequence[str]) -> str | None:
    """The run, of the newest, that ended last; None where none has."""
    ended = ended_syncs(instance, entities, _LOOKED_AT)
    last = max(ended, key=lambda record: record.end_time or 0, default=None)
    return last.dagster_run.run_id if last else None


def tell_health(instance: dg.DagsterInstance, entities: Sequence[str], run_id: str, settings: Settings) -> None:
    """Tell everybody who looks at figures how things are after run `run_id`."""
    from call_coach_assets.orchestration.metrics_export import export_standings
    from call_coach_assets.orchestration.sync_health import report_health

    known = standings(instance, entities)
    report_health(instance, known, run_id, settings)
    export_standings(known, settings)

"""The sensor that tells Prefect of every run, whoever started it, while it happens and when its process died."""

from __future__ import annotations

import dagster as dg

from call_coach_assets.reporting.prefect.emitter import RunEmitter
from call_coach_assets.settings import read_settings

EVERY_SECONDS = 15
LONGEST_SECONDS = 20.0  # of one look; Dagster ends a sensor after 60


def build_prefect_sensor() -> dg.SensorDefinition:
    """The sensor, on by default. It starts no run: each tick tells what is new and is recorded as skipped."""

    @dg.sensor(
        name="prefect_metadata",
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports each run as a Prefect flow run: to a file, and to the API at PREFECT_API_URL where it is"
        " set. PREFECT_METADATA_ENABLED=false switches it off.",
    )
    def prefect_metadata(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        settings = read_settings()
        if not settings.prefect_metadata_enabled:
            return dg.SkipReason("PREFECT_METADATA_ENABLED is false.")
        with RunEmitter(context.instance, settings, last_seconds=LONGEST_SECONDS):
            pass
        return dg.SkipReason("This sensor reports to Prefect and starts no runs.")

    return prefect_metadata

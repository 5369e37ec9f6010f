"""What Dagster is given, as plain data: every asset, check, job, schedule and sensor with what the UI says of it."""

from __future__ import annotations

from typing import Any

import dagster as dg

from call_coach_assets.definitions import defs

CODE_REFERENCES = "dagster/code_references"
SCHEMA = "dagster/column_schema"


def snapshot() -> dict[str, Any]:
    """The definitions as they load here and now."""
    repository = defs().get_repository_def()
    specs = sorted(defs().resolve_all_asset_specs(), key=lambda spec: spec.key.to_user_string())
    return {
        "assets": {spec.key.to_user_string(): _asset(spec) for spec in specs},
        "checks": {
            f"{key.asset_key.to_user_string()}:{key.name}": repository.asset_graph.get_check_spec(key).description
            for key in sorted(repository.asset_graph.asset_check_keys, key=str)
        },
        "jobs": {job.name: _job(job) for job in repository.get_all_jobs() if not job.name.startswith("__")},
        "schedules": {schedule.name: _schedule(schedule) for schedule in repository.schedule_defs},
        "sensors": {sensor.name: _sensor(sensor) for sensor in repository.sensor_defs},
        "resources": sorted(repository.get_top_level_resources()),
    }


def _asset(spec: dg.AssetSpec) -> dict[str, Any]:
    freshness = spec.freshness_policy
    windows = [getattr(freshness, name, None) for name in ("warn_window", "fail_window")]
    references = spec.metadata.get(CODE_REFERENCES)
    return {
        "description": spec.description,
        "group": spec.group_name,
        "kinds": sorted(spec.kinds),
        "owners": list(spec.owners),
        "tags": {key: value for key, value in sorted(spec.tags.items()) if not key.startswith("dagster/kind/")},
        "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        "freshness_minutes": [window.to_timedelta().total_seconds() / 60 for window in windows if window],
        "columns": {column.name: column.type for column in getattr(spec.metadata.get(SCHEMA), "columns", ())},
        "code": [f"{path.parent.name}/{path.name}" for path in _paths(references)],
    }


def _paths(references: Any) -> list[Any]:
    from pathlib import Path

    return [Path(reference.file_path) for reference in references.code_references] if references else []


def _job(job: dg.JobDefinition) -> dict[str, Any]:
    selected = sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
    return {
        "description": job.description,
        "assets": selected,
        "executor": job.executor_def.name,
        "tags": dict(job.tags),
    }


def _schedule(schedule: dg.ScheduleDefinition) -> dict[str, Any]:
    return {
        "description": schedule.description,
        "job": schedule.job_name,
        "cron": schedule.cron_schedule,
        "timezone": schedule.execution_timezone,
        "default": schedule.default_status.value,
    }


def _sensor(sensor: dg.SensorDefinition) -> dict[str, Any]:
    return {
        "description": sensor.description,
        "jobs": sorted(target.job_name for target in sensor.targets),
        "every_seconds": sensor.minimum_interval_seconds,
        "default": sensor.default_status.value,
    }

"""What Dagster loads: every folder under defs/, with the jobs, schedules and sensors over them. It opens nothing."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path

import dagster as dg
from dagster.components.core.component_tree import ComponentTree

import call_coach_assets.defs as declarations
from call_coach_assets.components import SyncedEntity
from call_coach_assets.orchestration.alert_sensor import alert_sensor
from call_coach_assets.orchestration.executor import executor_for
from call_coach_assets.orchestration.health_sensor import health_sensor
from call_coach_assets.orchestration.jobs import sync_all_job
from call_coach_assets.orchestration.prefect_sensor import build_prefect_sensor
from call_coach_assets.orchestration.reconcile_job import reconcile_job, reconcile_schedules
from call_coach_assets.orchestration.resources import SyncSettings
from call_coach_assets.orchestration.retries import retry_sensor
from call_coach_assets.orchestration.source_assets import source_assets
from call_coach_assets.orchestration.sync_health import health_asset
from call_coach_assets.orchestration.sync_schedule import hourly_schedule
from call_coach_assets.settings import Settings, read_settings


@dg.definitions
def defs() -> dg.Definitions:
    """Everything: the assets of the folders, and when to run them. Raises ConfigurationError for what is wrong in one.

    The folders are read without Dagster's scan of installed packages for components, which costs a second.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # code references are in beta
        return _definitions(read_settings())


@cache
def _definitions(settings: Settings) -> dg.Definitions:
    tree = ComponentTree.from_module(declarations, Path(__file__).parent.parent)
    entities = [part.entity for part in tree.get_all_components(of_type=SyncedEntity) if part.entity.enabled]
    names = [entity.name for entity in entities]
    job = sync_all_job(entities)
    return dg.Definitions.merge(
        tree.build_defs(Path()),
        dg.Definitions(
            assets=[*source_assets(entities, settings), health_asset(entities)],
            jobs=[job, reconcile_job],
            schedules=[hourly_schedule(job, names, settings), *reconcile_schedules(entities, settings)],
            sensors=[retry_sensor(job, names), alert_sensor(names), health_sensor(names), build_prefect_sensor()],
            resources={"sync_settings": SyncSettings()},
            executor=executor_for(settings),
        ),
    )

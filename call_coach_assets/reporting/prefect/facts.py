"""What a translation must know of a Dagster run beside its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import dagster as dg
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.storage.tags import PARENT_RUN_ID_TAG

from call_coach_assets.reporting.prefect.objects import TAGS, moment
from call_coach_assets.settings import Settings

SCHEDULE_TAG = "dagster/schedule_name"
SENSOR_TAG = "dagster/sensor_name"
UNDEPLOYED = "reconcile"  # jobs so called run beside the flow: they are flow runs without a deployment


@dataclass(frozen=True)
class RunFacts:
    """A run as it was created; nothing here changes while it goes on."""

    run_id: str
    job_name: str
    created: datetime
    steps: Mapping[str, tuple[str, ...]]  # each step of the plan with the steps that it needs, in the plan's order
    tags: Mapping[str, str] = field(default_factory=dict)
    assets: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    parent_run_id: str | None = None
    ui_url: str = ""
    cron: str = "0 * * * *"
    timezone: str = "UTC"

    @cached_property
    def trigger(self) -> str:
        """What started the run: hourly (the schedule), sensor, retry or manual."""
        if self.parent_run_id:
            return "retry"
        if SCHEDULE_TAG in self.tags:
            return "hourly" if self.deployed else "schedule"
        return "sensor" if SENSOR_TAG in self.tags else "manual"

    @cached_property
    def name(self) -> str:
        """The flow run's name: how it started and the first characters of the Dagster run's id."""
        return f"{self.trigger}-{self.run_id[:8]}"

    @property
    def deployed(self) -> bool:
        """Whether the run is one of the deployment's: the sync itself, however it was started."""
        return UNDEPLOYED not in self.job_name

    @property
    def url(self) -> str:
        """The run's page in Dagster's UI."""
        return f"{self.ui_url.rstrip('/')}/runs/{self.run_id}"

    @cached_property
    def prefect_tags(self) -> tuple[str, ...]:
        """The flow run's tags in Prefect."""
        return (*TAGS, self.trigger)

    @property
    def labels(self) -> dict[str, str]:
        """The flow run's labels in Prefect: the way back to Dagster."""
        labels = {"dagster.run_id": self.run_id, "dagster.job": self.job_name, "dagster.run_url": self.url}
        return labels | ({"dagster.parent_run_id": self.parent_run_id} if self.parent_run_id else {})


def facts_of(instance: dg.DagsterInstance, record: RunRecord, settings: Settings) -> RunFacts:
    """The facts of the run of `record`; a run whose plan is gone has no steps until its events name them."""
    run = record.dagster_run
    plan_id = run.execution_plan_snapshot_id
    plan = instance.get_execution_plan_snapshot(plan_id) if plan_id else None
    wanted = set(run.step_keys_to_execute or (plan.step_keys_to_execute if plan else ()))
    needs = plan.step_deps if plan else {}
    return RunFacts(
        run_id=run.run_id,
        job_name=run.job_name,
        created=moment(record.create_timestamp.timestamp()),
        steps={step: tuple(sorted(needs[step] & wanted)) for step in needs if step in wanted},
        tags=run.tags,
        assets=tuple(sorted(key.to_user_string() for key in run.asset_selection or ())),
        config=run.run_config,
        parent_run_id=run.parent_run_id or run.tags.get(PARENT_RUN_ID_TAG),
        ui_url=settings.dagster_ui_url,
        cron=settings.sync_cron,
        timezone=settings.sync_timezone,
    )

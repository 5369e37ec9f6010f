"""Prefect's objects as JSON, in the shapes that its REST API takes, with ids that follow from the Dagster run's.

An `Emission` is one object or one change of an object. Its id is derived, so that translating or delivering twice
changes nothing. Flows, deployments and flow runs get their final id from the server (its API takes none for them): the
derived ids stand for them until delivery.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from call_coach_assets.reporting.prefect.states import PrefectState

FLOW_NAME = "bigquery-dlt-sync"
DEPLOYMENT_NAME = "hourly"
TAGS = ("call-coach", "dagster")
MESSAGE_LIMIT = 20_000  # characters; Prefect refuses far longer ones, and a page shows far fewer

Json = dict[str, Any]
Kind = Literal["flow", "deployment", "flow_run", "flow_run_state", "event", "artifact", "log"]
_NAMESPACE = uuid5(NAMESPACE_URL, "https://github.com/call-coach/call-coach-assets/prefect")


@dataclass(frozen=True)
class Emission:
    """One object for Prefect: `body` is what its REST API takes, `at` when it happened in Dagster."""

    id: str
    kind: Kind
    run_id: str  # Dagster's
    at: datetime
    body: Json


def derived_id(*parts: object) -> str:
    """A UUID that is always the same for the same parts."""
    return str(uuid5(_NAMESPACE, "|".join(map(str, parts))))


def moment(timestamp: float) -> datetime:
    """Dagster's epoch seconds as an aware datetime."""
    return datetime.fromtimestamp(timestamp, tz=UTC)


def flow() -> Json:
    """The flow, as POST /flows/ takes it."""
    return {"name": FLOW_NAME, "tags": list(TAGS), "labels": {"orchestrator": "dagster"}}


def deployment(cron: str, timezone: str) -> Json:
    """The deployment, as POST /deployments/ takes it: its schedule is shown, and Prefect starts nothing itself."""
    return {
        "name": DEPLOYMENT_NAME,
        "flow_id": flow_id(),
        "paused": True,
        "schedules": [{"active": False, "schedule": {"cron": cron, "timezone": timezone, "day_or": True}}],
        "description": "Dagster runs this flow and reports each run here. Start, pause and change it in Dagster.",
        "tags": list(TAGS),
        "labels": {"orchestrator": "dagster"},
        "enforce_parameter_schema": False,
    }


def flow_id() -> str:
    """The derived id that stands for the flow."""
    return derived_id("flow", FLOW_NAME)


def deployment_id() -> str:
    """The derived id that stands for the deployment."""
    return derived_id("deployment", FLOW_NAME, DEPLOYMENT_NAME)


def flow_run_id(run_id: str) -> str:
    """The derived id that stands for a Dagster run's flow run."""
    return derived_id("flow-run", run_id)


def task_run_id(run_id: str, step: str) -> str:
    """The id of a step's task run, which Prefect takes as it is."""
    return derived_id("task-run", run_id, step)


def state_create(state: PrefectState, message: str, transition: str, at: datetime) -> Json:
    """A state as POST /flow_runs/{id}/set_state takes it; `transition` is what a repetition is recognised by."""
    details: Json = {"transition_id": transition}
    if state.type == "SCHEDULED":
        details["scheduled_time"] = at.isoformat()
    return {"type": state.type, "name": state.name, "message": message[:MESSAGE_LIMIT], "state_details": details}


def related(run_id: str, run_name: str, deployed: bool, tags: Sequence[str]) -> list[dict[str, str]]:
    """The resources that Prefect's own events of a task run are related to."""
    resources = [
        _resource("flow-run", flow_run_id(run_id), "flow-run", run_name),
        _resource("flow", flow_id(), "flow", FLOW_NAME),
    ]
    if deployed:
        resources.append(_resource("deployment", deployment_id(), "deployment", DEPLOYMENT_NAME))
    tagged = [{"prefect.resource.id": f"prefect.tag.{tag}", "prefect.resource.role": "tag"} for tag in sorted(tags)]
    return resources + tagged


def _resource(kind: str, identity: str, role: str, name: str) -> dict[str, str]:
    return {
        "prefect.resource.id": f"prefect.{kind}.{identity}",
        "prefect.resource.role": role,
        "prefect.resource.name": name,
    }


def event(
    identity: str,
    name: str,
    at: datetime,
    *,
    resource: Mapping[str, str],
    related: Sequence[Mapping[str, str]],
    payload: Json,
    follows: str | None = None,
) -> Json:
    """An event, as POST /events takes it in a list."""
    return {
        "id": identity,
        "occurred": at.isoformat(),
        "event": name,
        "resource": dict(resource),
        "related": [dict(item) for item in related],
        "payload": payload,
        "follows": follows,
    }


def artifact(run_id: str, key: str, kind: str, data: str, description: str) -> Json:
    """An artifact of the flow run, as POST /artifacts/ takes it."""
    body: Json = {"key": key, "type": kind, "data": data, "description": description}
    return body | {"flow_run_id": flow_run_id(run_id)}


def log(run_id: str, step: str | None, level: int, message: str, at: datetime) -> Json:
    """A log line, as POST /logs/ takes it in a list."""
    return {
        "name": "dagster.task_runs" if step else "dagster.flow_runs",
        "level": level,
        "message": message[:MESSAGE_LIMIT],
        "timestamp": at.isoformat(),
        "flow_run_id": flow_run_id(run_id),
        "task_run_id": task_run_id(run_id, step) if step else None,
    }

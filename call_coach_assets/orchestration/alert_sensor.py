"""The sensor that looks at each run that has ended and alerts where it has to.

Its cursor holds the open incident and what could not be delivered: nothing is told twice, nothing is forgotten when the
daemon restarts, and what happened while it was down is told when it is back.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import BaseModel

from call_coach_assets.errors import CallCoachError
from call_coach_assets.orchestration.finished_runs import finished_since
from call_coach_assets.reporting.incidents import FinishedRun, Incident, Job, Notice, advance
from call_coach_assets.settings import Settings, load_settings

LOOK_BACK = timedelta(minutes=15)  # runs that end out of order, or whose end is written late
FIRST_LOOK_BACK = timedelta(days=1)
_log = logging.getLogger(__name__)


class AlertState(BaseModel):
    """What the sensor remembers from one look to the next; `seen` are runs that ended within LOOK_BACK of `until`."""

    until: datetime
    seen: dict[str, datetime] = {}
    incident: Incident | None = None  # of syncs
    reconcile: Incident | None = None
    undelivered: tuple[Notice, ...] = ()


def alert_sensor(entities: Collection[str]) -> dg.SensorDefinition:
    """The sensor that tells Slack and PagerDuty."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells Slack when a sync has failed for good or a check found bad data, PagerDuty when that lasted"
        " for three runs in a row, and both when it is over, one message per incident."
        " Slack alone hears of a reconcile that failed.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        before = _remembered(context.cursor)
        runs = finished_since(context.instance, before.until - LOOK_BACK, before.seen, entities)
        after = look(before, runs, load_settings())
        context.update_cursor(after.model_dump_json())
        return dg.SkipReason(_summary(after, len(runs)))

    return alerts


def look(state: AlertState, runs: list[FinishedRun], settings: Settings) -> AlertState:
    """Take `runs` into account, in order, and deliver what is due; the state to remember."""
    from call_coach_assets.reporting.alerts import deliver

    incidents: dict[Job, Incident | None] = {"sync": state.incident, "reconcile": state.reconcile}
    due = list(state.undelivered)
    for run in runs:
        incidents[run.job], notice = advance(incidents[run.job], run)
        due += [notice] if notice else []
    checkpoints = _checkpoints(settings) if due else None
    left = [notice for notice in (deliver(notice, checkpoints, settings) for notice in due) if notice]
    until = max([state.until, *(run.ended_at for run in runs)])
    seen = {**state.seen, **{run.run_id: run.ended_at for run in runs}}
    recent = {run_id: ended for run_id, ended in seen.items() if ended >= until - 2 * LOOK_BACK}
    return AlertState(
        until=until,
        seen=recent,
        incident=incidents["sync"],
        reconcile=incidents["reconcile"],
        undelivered=tuple(left),
    )


def _remembered(cursor: str | None) -> AlertState:
    if cursor:
        return AlertState.model_validate_json(cursor)
    return AlertState(until=datetime.now(UTC) - FIRST_LOOK_BACK)


def _checkpoints(settings: Settings) -> dict[str, datetime | None] | None:
    """How far each entity is; None where Postgres cannot be asked, which may be what the alert is about."""
    from call_coach_assets.sync.sync_status import checkpoints

    try:
        return checkpoints(settings)
    except CallCoachError as error:
        _log.warning("The checkpoints, for an alert: %s", error)
        return None


def _summary(state: AlertState, runs: int) -> str:
    waiting = f" {len(state.undelivered)} alerts could not be delivered yet." if state.undelivered else ""
    wrong = [_wrong(incident) for incident in (state.incident, state.reconcile) if incident is not None]
    if not wrong:
        return f"{runs} runs ended since the last look; nothing is wrong.{waiting}"
    return " ".join(wrong) + waiting


def _wrong(incident: Incident) -> str:
    return f"{incident.job} of {', '.join(incident.affected)}: wrong since {incident.since:%Y-%m-%d %H:%M} UTC."

"""Which lines of Dagster's event log a Prefect user reads, and how."""

from __future__ import annotations

import logging
from datetime import datetime

from dagster import DagsterEventType, EventLogEntry
from dagster._core.execution.plan.objects import StepFailureData

from call_coach_assets.reporting.prefect import objects
from call_coach_assets.reporting.prefect.objects import Json
from call_coach_assets.reporting.prefect.states import RUN_EVENTS, STEP_EVENTS

_LEVELS = {
    DagsterEventType.RUN_FAILURE: logging.ERROR,
    DagsterEventType.STEP_FAILURE: logging.ERROR,
    DagsterEventType.STEP_UP_FOR_RETRY: logging.WARNING,
}
_SHOWN = {*RUN_EVENTS, *STEP_EVENTS, DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_CHECK_EVALUATION}


def log_line(run_id: str, entry: EventLogEntry, at: datetime) -> Json | None:
    """The log line of an entry, None for one below INFO that is no step in the run's life."""
    event = entry.dagster_event
    level = int(entry.level)
    if event is not None and event.event_type in _SHOWN:
        level = _LEVELS.get(event.event_type, max(level, logging.INFO))
    if level < logging.INFO:
        return None
    message = (event.message if event else entry.user_message) or entry.user_message or entry.message
    if event is not None and isinstance(event.event_specific_data, StepFailureData):
        message = f"{message}\n{event.event_specific_data.error_display_string}"
    return objects.log(run_id, entry.step_key, level, message, at) if message else None

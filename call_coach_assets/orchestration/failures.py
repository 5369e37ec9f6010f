"""From the errors of a sync to Dagster's failures, and back from a run's events to what failed and whether to retry."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster import DagsterEvent, DagsterEventType
from dagster._core.executor.child_process_executor import ChildProcessCrashException
from dagster_shared.error import SerializableErrorInfo

from call_coach_assets.errors import CallCoachError
from call_coach_assets.redaction import redact
from call_coach_assets.settings import Settings

_WHAT, _WHY, _REMEDY, _KIND, _TRANSIENT = "what failed", "why", "what to do", "error", "transient"
_DEFECT = "This is a defect of the sync: report it with the traceback."
_DIED = ChildProcessCrashException.__name__


@dataclass(frozen=True, kw_only=True)
class EntityFailure:
    """Why one entity failed in one run; `transient` says whether trying again can help."""

    entity: str
    kind: str  # the class of the error, e.g. SourceMissingError
    what: str
    why: str
    remedy: str
    transient: bool

    def __str__(self) -> str:
        message = f"{self.what}: {self.why}" if self.why else self.what
        return f"{message}\nWhat to do: {self.remedy}" if self.remedy else message


def failure_of(error: Exception, settings: Settings) -> dg.Failure:
    """The Dagster failure that says what `error` says, without any secret of `settings`.

    To be raised `from None`: Dagster keeps the texts of causes too. It does not retry the step: the sync already has.
    """
    if isinstance(error, CallCoachError):
        what, why, remedy = (_masked(text, settings) for text in (error.what, error.why, error.remedy))
        description, transient = _masked(str(error), settings), error.transient
        told: dict[str, dg.MetadataValue[Any]] = {}
    else:
        what, why, remedy, transient = type(error).__name__, _masked(str(error), settings), _DEFECT, False
        description = f"{what}: {why}"
        trace = _masked("".join(traceback.format_exception(error)), settings)
        told = {"traceback": dg.MetadataValue.md(f"```\n{trace}```")}
    texts = {_WHAT: what, _WHY: why, _REMEDY: remedy, _KIND: type(error).__name__}
    metadata = {key: dg.MetadataValue.text(text) for key, text in texts.items()}
    told[_TRANSIENT] = dg.MetadataValue.bool(transient)
    return dg.Failure(description, {**metadata, **told}, allow_retries=False)


def failures_in(events: Iterable[DagsterEvent]) -> dict[str, EntityFailure]:
    """The failures among a run's events, by entity."""
    failed = (event for event in events if event.is_step_failure and event.step_key)
    return {str(event.step_key): _read(event) for event in failed}


def failures_of_run(instance: dg.DagsterInstance, run_id: str) -> dict[str, EntityFailure]:
    """The failures that the history holds of a run, by entity; empty where its process died without a word."""
    records = instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE)
    return failures_in(record.dagster_event for record in records if record.dagster_event)


def _read(event: DagsterEvent) -> EntityFailure:
    data = event.step_failure_data
    if data.user_failure_data is None:
        return _unforeseen(str(event.step_key), data.error)
    told = data.user_failure_data
    return failure_from(str(event.step_key), told.metadata, str(told.description))


def failure_from(entity: str, metadata: Mapping[str, dg.MetadataValue[Any]], description: str) -> EntityFailure:
    """What `failure_of` put into metadata; `description` stands for what is not there."""
    values = {key: value.value for key, value in metadata.items()}
    return EntityFailure(
        entity=entity,
        kind=str(values.get(_KIND, "")),
        what=str(values.get(_WHAT, description)),
        why=str(values.get(_WHY, "")),
        remedy=str(values.get(_REMEDY, "")),
        transient=bool(values.get(_TRANSIENT, False)),
    )


def _unforeseen(entity: str, error: SerializableErrorInfo | None) -> EntityFailure:
    """A step that could not even say why: its process was killed, or Dagster itself failed."""
    kind = (error.cls_name if error else None) or "DagsterError"
    died = kind == _DIED
    return EntityFailure(
        entity=entity,
        kind=kind,
        what=f"The process that synced {entity} died" if died else f"Dagster could not run {entity}",
        why="it was killed, perhaps for want of memory" if died else (error.message.strip() if error else ""),
        remedy="look at the log of the run and of the machine; the next run starts from the last checkpoint",
        transient=died,
    )


def _masked(text: str, settings: Settings) -> str:
    return redact(text, settings.secrets)

"""Dagster's statuses as Prefect's state types and names: the table of docs/prefect.md."""

from __future__ import annotations

from typing import NamedTuple

from dagster import DagsterEvent, DagsterEventType, DagsterRunStatus
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.execution.plan.objects import StepFailureData


class PrefectState(NamedTuple):
    """Prefect's `StateType` and the name that its pages show."""

    type: str
    name: str

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self.type in {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}


SCHEDULED = PrefectState("SCHEDULED", "Scheduled")
PENDING = PrefectState("PENDING", "Pending")
NOT_READY = PrefectState("PENDING", "NotReady")
RUNNING = PrefectState("RUNNING", "Running")
RETRYING = PrefectState("RUNNING", "Retrying")
SUSPENDED = PrefectState("PAUSED", "Suspended")
AWAITING_RETRY = PrefectState("SCHEDULED", "AwaitingRetry")
COMPLETED = PrefectState("COMPLETED", "Completed")
SKIPPED = PrefectState("COMPLETED", "Skipped")
FAILED = PrefectState("FAILED", "Failed")
CRASHED = PrefectState("CRASHED", "Crashed")
CANCELLING = PrefectState("CANCELLING", "Cancelling")
CANCELLED = PrefectState("CANCELLED", "Cancelled")

RUN_STATUSES: dict[DagsterRunStatus, PrefectState] = {
    DagsterRunStatus.NOT_STARTED: SCHEDULED,
    DagsterRunStatus.MANAGED: SCHEDULED,
    DagsterRunStatus.QUEUED: SCHEDULED,
    DagsterRunStatus.STARTING: PENDING,
    DagsterRunStatus.STARTED: RUNNING,
    DagsterRunStatus.SUSPENDED: SUSPENDED,
    DagsterRunStatus.SUCCESS: COMPLETED,
    DagsterRunStatus.FAILURE: FAILED,
    DagsterRunStatus.CANCELING: CANCELLING,
    DagsterRunStatus.CANCELED: CANCELLED,
}
RUN_EVENTS: dict[DagsterEventType, PrefectState] = {
    DagsterEventType.RUN_ENQUEUED: SCHEDULED,
    DagsterEventType.RUN_STARTING: PENDING,
    DagsterEventType.RUN_START: RUNNING,
    DagsterEventType.RUN_SUSPENDED: SUSPENDED,
    DagsterEventType.RUN_SUCCESS: COMPLETED,
    DagsterEventType.RUN_FAILURE: FAILED,
    DagsterEventType.RUN_CANCELING: CANCELLING,
    DagsterEventType.RUN_CANCELED: CANCELLED,
}
STEP_EVENTS: dict[DagsterEventType, PrefectState] = {
    DagsterEventType.STEP_START: RUNNING,
    DagsterEventType.STEP_RESTARTED: RETRYING,
    DagsterEventType.STEP_UP_FOR_RETRY: AWAITING_RETRY,
    DagsterEventType.STEP_SUCCESS: COMPLETED,
    DagsterEventType.STEP_SKIPPED: SKIPPED,
    DagsterEventType.STEP_FAILURE: FAILED,
}
UNFINISHED_STEPS = {"COMPLETED": SKIPPED, "FAILED": NOT_READY, "CANCELLED": CANCELLED, "CRASHED": CRASHED}

_PROCESS_DIED = {
    RunFailureReason.UNEXPECTED_TERMINATION,
    RunFailureReason.START_TIMEOUT,
    RunFailureReason.RUN_WORKER_RESTART,
}
_STEP_PROCESS_DIED = {"ChildProcessCrashException"}
_INTERRUPTED = {"DagsterExecutionInterruptedError", "DagsterTerminatedError"}


def run_state(event: DagsterEvent) -> PrefectState | None:
    """The flow run's state after an event of the run, None where the event changes none.

    A run that failed without an error of its own (its process died, or it never started) crashed.
    """
    state = RUN_EVENTS.get(event.event_type)
    return CRASHED if state is FAILED and _died(event.event_specific_data) else state


def _died(data: object) -> bool:
    if not isinstance(data, JobFailureData):
        return True
    unexplained = data.failure_reason in {None, RunFailureReason.UNKNOWN} and data.error is None
    return data.failure_reason in _PROCESS_DIED or unexplained


def step_state(event: DagsterEvent) -> PrefectState | None:
    """The task run's state after an event of its step, None where the event changes none."""
    state = STEP_EVENTS.get(event.event_type)
    data = event.event_specific_data
    if state is not FAILED or not isinstance(data, StepFailureData):
        return state
    classes = {error.cls_name for error in (data.error, data.error.cause if data.error else None) if error}
    if classes & _STEP_PROCESS_DIED:
        return CRASHED
    return CANCELLED if classes & _INTERRUPTED else FAILED

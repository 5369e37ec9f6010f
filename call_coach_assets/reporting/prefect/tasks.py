"""The task runs of one flow run: a step of Dagster each, told by the events from which Prefect 3 builds task runs.

Prefect's own engine reports task runs by events and nothing else, and the server takes state, times and inputs from
them as they are, past times included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from call_coach_assets.reporting.prefect import objects
from call_coach_assets.reporting.prefect.facts import RunFacts
from call_coach_assets.reporting.prefect.objects import Emission, Json
from call_coach_assets.reporting.prefect.states import PENDING, UNFINISHED_STEPS, PrefectState

_MESSAGES = {
    "NotReady": "Not started: a task that it depends on did not reach a 'COMPLETED' state.",
    "Crashed": "The run's process ended before the task did.",
    "Cancelled": "The run was canceled before the task was complete.",
    "Skipped": "Not needed in this run.",
}


@dataclass
class _Task:
    name: str
    needs: tuple[str, ...]
    state: PrefectState | None = None
    message: str = ""
    at: datetime | None = None
    event_id: str | None = None
    run_count: int = 0
    first_start: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    ran: timedelta = field(default_factory=timedelta)
    labels: dict[str, str | int | float | bool] = field(default_factory=dict)


class TaskRuns:
    """Turns the changes of a run's steps into task-run events; every change has a later time than the one before."""

    def __init__(self, run: RunFacts) -> None:
        self._run = run
        self._tasks = {step: _Task(step, needs) for step, needs in run.steps.items()}

    def called(self, step: str, name: str) -> None:
        """Name a step's task run like the entity that the step materializes."""
        self._tasks.setdefault(step, _Task(name, ())).name = name

    def name(self, step: str) -> str:
        """The name of a step's task run."""
        return self._tasks[step].name if step in self._tasks else step

    def needed_by(self, step: str) -> tuple[str, ...]:
        """The steps that a step depends on."""
        return self._tasks[step].needs if step in self._tasks else ()

    def label(self, step: str, labels: Mapping[str, str | int | float | bool]) -> None:
        """Add figures that the step's next state carries."""
        self._tasks.setdefault(step, _Task(step, ())).labels.update(labels)

    def plan(self, at: datetime) -> Iterator[Emission]:
        """Show every step of the plan as pending, with what it depends on."""
        for step, task in self._tasks.items():
            if task.state is None:
                yield self.change(step, PENDING, at, "")

    def change(self, step: str, state: PrefectState, at: datetime, message: str) -> Emission:
        """The event with which a step enters `state`."""
        task = self._tasks.setdefault(step, _Task(step, ()))
        before, follows = _state(task), task.event_id
        at = max(at, task.at + timedelta(microseconds=1)) if task.at else at
        _advance(task, state, at, message)
        identity = objects.derived_id("task-state", self._run.run_id, step, state.name, task.run_count)
        task.event_id = identity
        body = objects.event(
            identity,
            f"prefect.task-run.{state.name}",
            at,
            resource=self._resource(step, task),
            related=objects.related(self._run.run_id, self._run.name, self._run.deployed, self._run.prefect_tags),
            payload=self._payload(before, task),
            follows=follows,
        )
        return Emission(identity, "event", self._run.run_id, at, body)

    def close(self, final: PrefectState, at: datetime) -> Iterator[Emission]:
        """Give every step that has no last word the one that follows from the run's; one that ran died with the run."""
        for step, task in self._tasks.items():
            if task.state is not None and task.state.final:
                continue
            ending = UNFINISHED_STEPS[final.type]
            if task.run_count and ending.name in {"NotReady", "Skipped"}:
                ending = UNFINISHED_STEPS["CRASHED"]
            elif not task.run_count and final.type == "CRASHED":
                ending = UNFINISHED_STEPS["FAILED"]
            yield self.change(step, ending, at, _MESSAGES[ending.name])

    def outcomes(self) -> dict[str, PrefectState]:
        """The state of every task run, by its name."""
        return {task.name: task.state or PENDING for task in self._tasks.values()}

    def seconds(self, name: str) -> float:
        """How long the task run called `name` has run, retries included."""
        return sum(task.ran.total_seconds() for task in self._tasks.values() if task.name == name)

    def _resource(self, step: str, task: _Task) -> dict[str, str]:
        state = task.state or PENDING
        return {
            "prefect.resource.id": f"prefect.task-run.{objects.task_run_id(self._run.run_id, step)}",
            "prefect.resource.name": task.name,
            "prefect.run-count": str(task.run_count),
            "prefect.state-message": task.message,
            "prefect.state-name": state.name,
            "prefect.state-timestamp": task.at.isoformat() if task.at else "",
            "prefect.state-type": state.type,
            "prefect.orchestration": "client",
        }

    def _payload(self, before: Json | None, task: _Task) -> Json:
        after = _state(task)
        intended = {"from": before["type"] if before else None, "to": after["type"] if after else None}
        validated = (after or {}) | {"data": None}
        return {
            "intended": intended,
            "initial_state": before,
            "validated_state": validated,
            "task_run": self._task_run(task),
        }

    def _task_run(self, task: _Task) -> Json:
        inputs = {
            self.name(step): [{"input_type": "task_run", "id": objects.task_run_id(self._run.run_id, step)}]
            for step in task.needs
        }
        times = {"expected_start_time": self._run.created, "start_time": task.first_start, "end_time": task.ended}
        return {
            "name": task.name,
            "task_key": f"call_coach.{task.name}",
            "dynamic_key": "0",
            "tags": list(self._run.prefect_tags),
            "labels": dict(task.labels),
            "task_inputs": inputs,
            "run_count": task.run_count,
            "flow_run_run_count": 1,
            "total_run_time": task.ran.total_seconds(),
        } | {name: at.isoformat() for name, at in times.items() if at}


def _state(task: _Task) -> Json | None:
    if task.state is None:
        return None
    details = {"scheduled_time": task.at.isoformat()} if task.at and task.state.type == "SCHEDULED" else {}
    return {"type": task.state.type, "name": task.state.name, "message": task.message, "state_details": details}


def _advance(task: _Task, state: PrefectState, at: datetime, message: str) -> None:
    if task.started is not None:
        task.ran += at - task.started
        task.started = None
    if state.type == "RUNNING":
        task.started, task.first_start = at, task.first_start or at
        task.run_count += 1
    task.ended = at if state.final else None
    task.state, task.message, task.at = state, message[: objects.MESSAGE_LIMIT], at

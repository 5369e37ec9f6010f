"""From a Dagster run and its event log to Prefect's objects: pure, and the same whenever and wherever it is done.

Events are fed in the order of the log; what one of them yields depends on the ones before it and never changes later,
so a run can be told while it happens and told again at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from dagster import AssetCheckEvaluation, AssetMaterialization, AssetObservation, DagsterEvent
from dagster import EventLogEntry as LogEntry
from dagster._core.events import AssetMaterializationPlannedData, StepMaterializationData
from dagster._core.execution.plan.objects import StepFailureData

from call_coach_assets.reporting.prefect import objects
from call_coach_assets.reporting.prefect.artifacts import RunReport, entity_of, figures_of, told
from call_coach_assets.reporting.prefect.facts import RunFacts
from call_coach_assets.reporting.prefect.logs import log_line
from call_coach_assets.reporting.prefect.objects import Emission, Json, Kind
from call_coach_assets.reporting.prefect.states import (
    COMPLETED,
    RUNNING,
    SCHEDULED,
    SKIPPED,
    PrefectState,
    run_state,
    step_state,
)
from call_coach_assets.reporting.prefect.tasks import TaskRuns

ASSET_URI = "postgres://call-coach/{}"


def translate(run: RunFacts, log: Iterable[tuple[int, LogEntry]]) -> list[Emission]:
    """Everything that Prefect is told of a run, in order; `log` pairs each entry with its storage id."""
    translation = RunTranslation(run)
    emissions = list(translation.opening())
    for storage_id, entry in log:
        emissions.extend(translation.feed(storage_id, entry))
    return emissions


class RunTranslation:
    """One run, told event by event."""

    def __init__(self, run: RunFacts) -> None:
        self._run = run
        self._tasks = TaskRuns(run)
        self._report = RunReport(run)
        self._state = SCHEDULED

    @property
    def ended(self) -> bool:
        """Whether the flow run has its last state."""
        return self._state.final

    def opening(self) -> Iterator[Emission]:
        """The flow, the deployment and the flow run with its first state."""
        run = self._run
        yield self._emission("flow", run.created, objects.flow())
        if run.deployed:
            yield self._emission("deployment", run.created, objects.deployment(run.cron, run.timezone))
        yield self._emission("flow_run", run.created, self._flow_run())
        yield self._told_in_dagster_time(SCHEDULED, run.created, "The run was created in Dagster")

    def feed(self, storage_id: int, entry: LogEntry) -> Iterator[Emission]:
        """What the next entry of the log adds."""
        at = objects.moment(entry.timestamp)
        line = log_line(self._run.run_id, entry, at)
        if line is not None:
            yield self._emission("log", at, line, storage_id)
        event = entry.dagster_event
        if event is None or self.ended:
            return
        self._gather(event, at)
        yield from self._step(event, at)
        yield from self._asset(event, at, storage_id)
        state = run_state(event)
        if state is not None and state != self._state:
            yield from self._enter(state, at, event.message or "")

    def end(self, state: PrefectState, at: datetime, message: str) -> Iterator[Emission]:
        """What is told of a run that ended without a last word in its log."""
        if not self.ended:
            yield from self._enter(state, at, message)

    def _enter(self, state: PrefectState, at: datetime, message: str) -> Iterator[Emission]:
        self._state = state
        if state is RUNNING:
            yield from self._tasks.plan(at)
        if state.final:
            yield from self._tasks.close(state, at)
            outcomes = self._tasks.outcomes()
            yield from self._report.artifacts(at, state, outcomes)
            message = f"{self._report.headline(outcomes, (at - self._run.created).total_seconds())}. {message}"
        yield self._told_in_dagster_time(state, at, message)
        message = f"{message} ({at:%Y-%m-%d %H:%M:%S} UTC)".strip()
        identity = objects.derived_id("flow_run_state", self._run.run_id, "end" if state.final else state.name)
        body = objects.state_create(state, message, identity, at)
        yield Emission(identity, "flow_run_state", self._run.run_id, at, body)

    def _told_in_dagster_time(self, state: PrefectState, at: datetime, message: str) -> Emission:
        """An event beside the one that Prefect makes of a state, because Prefect stamps a flow run's state itself."""
        identity = objects.derived_id("dagster-event", self._run.run_id, "end" if state.final else state.name)
        resource = {
            "prefect.resource.id": f"prefect.flow-run.{objects.flow_run_id(self._run.run_id)}",
            "prefect.resource.name": self._run.name,
            "prefect.state-name": state.name,
            "prefect.state-type": state.type,
            "dagster.run_id": self._run.run_id,
        }
        payload = {"message": message, "dagster_run_url": self._run.url, "occurred": at.isoformat()}
        related = objects.related(self._run.run_id, self._run.name, self._run.deployed, self._run.prefect_tags)[1:]
        name = f"dagster.run.{state.name.lower()}"
        body = objects.event(identity, name, at, resource=resource, related=related, payload=payload)
        return Emission(identity, "event", self._run.run_id, at, body)

    def _gather(self, event: DagsterEvent, at: datetime) -> None:
        data, step = event.event_specific_data, event.step_key
        if isinstance(data, AssetMaterializationPlannedData) and step:
            self._tasks.called(step, str(data.asset_key.path[-1]))
        fact = getattr(data, "materialization", None) or getattr(data, "asset_observation", None) or data
        if isinstance(fact, AssetMaterialization | AssetObservation) and step:
            figures = self._report.figures.setdefault(self._tasks.name(step), {})
            figures.update(figures_of(fact.metadata))
            self._tasks.label(step, figures)
        if isinstance(fact, AssetCheckEvaluation):
            self._report.check(fact, at)
        if isinstance(data, StepFailureData) and step:
            self._report.errors[self._tasks.name(step)] = _reason(data)

    def _step(self, event: DagsterEvent, at: datetime) -> Iterator[Emission]:
        state = step_state(event)
        if state is None or event.step_key is None:
            return
        name = self._tasks.name(event.step_key)
        figures = self._report.figures.get(name, {})
        state = SKIPPED if state is COMPLETED and "skipped" in figures else state
        message = told(figures) if state.type == "COMPLETED" else self._report.errors.get(name, "")
        yield self._tasks.change(event.step_key, state, at, message if state.final else event.message or "")

    def _asset(self, event: DagsterEvent, at: datetime, storage_id: int) -> Iterator[Emission]:
        data = event.event_specific_data
        if not isinstance(data, StepMaterializationData) or event.step_key is None:
            return
        entity = entity_of(data.materialization)
        identity = objects.derived_id("asset", self._run.run_id, storage_id)
        upstream = [self._tasks.name(step) for step in self._tasks.needed_by(event.step_key)]
        related = [{"prefect.resource.id": ASSET_URI.format(n), "prefect.resource.role": "asset"} for n in upstream]
        related.append({"prefect.resource.id": "dagster", "prefect.resource.role": "asset-materialized-by"})
        related += objects.related(self._run.run_id, self._run.name, self._run.deployed, self._run.prefect_tags)
        body = objects.event(
            identity,
            "prefect.asset.materialization.succeeded",
            at,
            resource={"prefect.resource.id": ASSET_URI.format(entity), "prefect.resource.name": entity},
            related=related,
            payload=dict(self._report.figures.get(self._tasks.name(event.step_key), {})),
        )
        yield Emission(identity, "event", self._run.run_id, at, body)

    def _flow_run(self) -> Json:
        run = self._run
        transition = objects.derived_id("flow_run_state", run.run_id, SCHEDULED.name)
        return {
            "name": run.name,
            "flow_id": objects.flow_id(),
            "deployment_id": objects.deployment_id() if run.deployed else None,
            "idempotency_key": run.run_id,
            "parameters": {"assets": list(run.assets), "config": dict(run.config)},
            "tags": list(run.prefect_tags),
            "labels": run.labels,
            "state": objects.state_create(SCHEDULED, "The run was created in Dagster", transition, run.created),
        }

    def _emission(self, kind: Kind, at: datetime, body: Json, *parts: object) -> Emission:
        identity = objects.derived_id(kind, self._run.run_id, *parts)
        return Emission(identity, kind, self._run.run_id, at, body)


def _reason(failure: StepFailureData) -> str:
    """Why a step failed, without the traceback: the log has that."""
    described = failure.user_failure_data.description if failure.user_failure_data else None
    return (described or failure.error_display_string.partition("\nStack Trace:")[0]).strip()[: objects.MESSAGE_LIMIT]

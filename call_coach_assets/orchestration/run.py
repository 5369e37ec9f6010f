"""Syncing from a terminal: the same job as the schedule's, in a run that the Dagster UI shows like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import dagster as dg
from dagster import DagsterEvent, DagsterEventType
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.execution.api import execute_run_iterator
from dagster._utils.interrupts import capture_interrupts

from call_coach_assets.errors import ConfigurationError
from call_coach_assets.orchestration.failures import EntityFailure, failures_in
from call_coach_assets.orchestration.health_sensor import tell_health
from call_coach_assets.orchestration.home import prepare_home
from call_coach_assets.orchestration.jobs import SYNC_ALL
from call_coach_assets.orchestration.materialization import result_from
from call_coach_assets.reporting.prefect.emitter import RunEmitter
from call_coach_assets.settings import read_settings
from call_coach_assets.sync.result import SyncResult

LOCATION_MODULE = "call_coach_assets.definitions"
_QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}


@dataclass(frozen=True)
class Progress:
    """One entity started or ended; `result` is there when it ended well, `failure` when it did not."""

    entity: str
    state: Literal["started", "synced", "skipped", "failed"]
    result: SyncResult | None = None
    failure: EntityFailure | None = None


@dataclass
class SyncOutcome:
    """What a run did: the entities that ended well, those that failed, and those that never started."""

    run_id: str
    entities: tuple[str, ...]
    results: dict[str, SyncResult] = field(default_factory=dict)
    failures: dict[str, EntityFailure] = field(default_factory=dict)

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The entities of which nothing was heard, because the run was interrupted or a process died."""
        return tuple(name for name in self.entities if name not in self.results and name not in self.failures)

    @property
    def success(self) -> bool:
        """Whether every entity was synced, or skipped for a plain reason."""
        return not self.failures and not self.unfinished


def run_sync(
    entities: Sequence[str] = (), *, full_refresh: bool = False, on_progress: Callable[[Progress], None] | None = None
) -> SyncOutcome:
    """Sync `entities`, all enabled ones where none is named, and wait for the end.

    The assets read the environment themselves. Failures are in the outcome; raises ConfigurationError for a name that
    is no entity, and what opening Dagster's storage raises.
    """
    prepare_home()
    job = _job()
    known = sorted(key.to_user_string() for key in job.get_definition().asset_layer.executable_asset_keys)
    names = _chosen(known, entities)
    keys = frozenset(dg.AssetKey(name) for name in names)
    with dg.DagsterInstance.get() as instance, capture_interrupts():
        run = instance.create_run_for_job(
            job_def=job.get_subset(asset_selection=keys).get_definition(),
            run_config=_config(names, full_refresh),
            asset_selection=keys,
            tags={"call_coach/started_by": "call-coach sync"},
            job_code_origin=job.get_python_origin(),
        )
        outcome = SyncOutcome(run.run_id, names)
        settings = read_settings()
        with RunEmitter(instance, settings):
            for progress in _progress(execute_run_iterator(job, run, instance), run.run_id):
                _note(outcome, progress)
                if on_progress is not None:
                    on_progress(progress)
        tell_health(instance, known, run.run_id, settings)
    return outcome


def _job() -> ReconstructableJob:
    repository = ReconstructableRepository.for_module(LOCATION_MODULE, "defs", None, None)
    return repository.get_reconstructable_job(SYNC_ALL)


def _chosen(known: Sequence[str], entities: Sequence[str]) -> tuple[str, ...]:
    unknown = sorted(set(entities) - set(known))
    if unknown:
        raise ConfigurationError(
            f"There is no entity {', '.join(unknown)}",
            why=f"the enabled folders under call_coach_assets/defs are {', '.join(known)}",
            remedy="name some of these, or none for all",
        )
    return tuple(entities) or tuple(known)


def _config(names: Sequence[str], full_refresh: bool) -> dict[str, Any]:
    ops = {name: {"config": {"full_refresh": True}} for name in names} if full_refresh else {}
    return {"loggers": _QUIET, **({"ops": ops} if ops else {})}


def _progress(events: Iterator[DagsterEvent], run_id: str) -> Iterator[Progress]:
    for event in events:
        if event.event_type == DagsterEventType.STEP_START:
            yield Progress(str(event.step_key), "started")
        elif event.event_type == DagsterEventType.ASSET_MATERIALIZATION:
            result = result_from(event.step_materialization_data.materialization, run_id)
            yield Progress(result.entity, "synced", result)
        elif event.event_type == DagsterEventType.ASSET_OBSERVATION:
            result = result_from(event.asset_observation_data.asset_observation, run_id)
            yield Progress(result.entity, "skipped", result)
        elif event.is_step_failure:
            for name, failure in failures_in([event]).items():
                yield Progress(name, "failed", failure=failure)


def _note(outcome: SyncOutcome, progress: Progress) -> None:
    if progress.result is not None:
        outcome.results[progress.entity] = progress.result
    elif progress.failure is not None:
        outcome.failures[progress.entity] = progress.failure

"""Finds the runs that a command names in Dagster's history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from call_coach_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.storage.dagster_run import RunRecord

SEARCHED = 1000  # the newest runs, among which the first characters of an id are looked up


@contextmanager
def instance_here() -> Iterator[DagsterInstance]:
    """Dagster's history as this project keeps it."""
    from dagster import DagsterInstance

    from call_coach_assets.orchestration.home import prepare_home

    prepare_home()
    with DagsterInstance.get() as instance:
        yield instance


def run_named(instance: DagsterInstance, run_id: str) -> RunRecord:
    """The run whose id is or begins with `run_id`; raises ConfigurationError where there is none, or more than one."""
    exact = instance.get_run_record_by_id(run_id)
    if exact is not None:
        return exact
    found = [run for run in instance.get_run_records(limit=SEARCHED) if run.dagster_run.run_id.startswith(run_id)]
    if len(found) == 1 and run_id:
        return found[0]
    raise ConfigurationError(
        f"{'More than one run begins' if found else 'There is no run that begins'} with {run_id!r}",
        why=f"Dagster's history was searched, the newest {SEARCHED} runs of it for the beginning of an id",
        remedy="copy the id from the run's page in Dagster or from the end of `call-coach sync`",
    )

"""What is needed to watch Dagster's own processes at work: their history, their runs and their ticks, from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import dagster as dg
from dagster import DagsterRunStatus
from dagster._core.instance.ref import InstanceRef
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorTick
from dagster._core.storage.dagster_run import RunRecord, RunsFilter

from call_coach_assets.orchestration.executor import PROCESS_TAG
from call_coach_assets.orchestration.instance_storage import sqlalchemy_url
from call_coach_assets_tests.orchestration.conftest import Stack

PROJECT = Path(__file__).parents[2]
CALL_COACH = Path(sys.executable).with_name("call-coach")
ENDED = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
T = TypeVar("T")


def wait_for(probe: Callable[[], T | None], seconds: float, what: str) -> T:
    """What `probe` finds, which is asked twice a second; AssertionError with `what` where it finds nothing."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(0.5)


@contextmanager
def history_of(stack: Stack) -> Iterator[dg.DagsterInstance]:
    """The history of a stack, which a command must have opened before, whatever this process' environment says."""
    url = sqlalchemy_url(stack.environment["DAGSTER_POSTGRES_URL"])
    reference = InstanceRef.from_dir(str(stack.home), overrides={"storage": {"postgres": {"postgres_url": url}}})
    with dg.DagsterInstance.from_ref(reference) as instance:
        yield instance


@contextmanager
def running(
    command: Sequence[str | Path], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A command with all its children, until the end of the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            cwd=PROJECT,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def runs(instance: dg.DagsterInstance, job: str) -> list[RunRecord]:
    """The newest runs of a job, newest first."""
    return list(instance.get_run_records(filters=RunsFilter(job_name=job), limit=50))


def ended(record: RunRecord) -> bool:
    """Whether the run is over."""
    return record.dagster_run.status in ENDED and record.end_time is not None


@contextmanager
def held(record: RunRecord) -> Iterator[None]:
    """Stop the process of a run in its tracks, as a machine that hangs does, until the end of the block."""
    process = int(record.dagster_run.tags[PROCESS_TAG].rpartition(":")[2])
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def under_way(instance: dg.DagsterInstance, job: str) -> RunRecord | None:
    """A run that has a process of its own and is not over."""
    started = (record for record in runs(instance, job) if record.dagster_run.status is DagsterRunStatus.STARTED)
    return next((record for record in started if PROCESS_TAG in record.dagster_run.tags), None)


def ticks(instance: dg.DagsterInstance, name: str) -> list[InstigatorTick]:
    """The ticks of a schedule or sensor, newest first; none before its first."""
    state = _state(instance, name)
    return list(instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=100)) if state else []


def switch_off(instance: dg.DagsterInstance, name: str) -> None:
    """Do what the switch on a schedule's page does."""
    state = _state(instance, name)
    assert state is not None
    instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))


def _state(instance: dg.DagsterInstance, name: str) -> InstigatorState | None:
    return next((state for state in instance.all_instigator_state() if state.instigator_name == name), None)

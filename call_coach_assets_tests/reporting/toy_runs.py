"""Runs of a small graph named like the real one: whole, failed, retried, canceled, killed."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator
from dagster._core.utils import make_new_run_id
from dagster._utils.interrupts import capture_interrupts

from call_coach_assets.orchestration.executor import PROCESS_TAG, this_process

Work = Callable[[str, dg.AssetExecutionContext], str | None]
PARENTS = {
    "calls": (),
    "opportunities": (),
    "speakers": ("calls",),
    "transcripts": ("calls", "speakers"),
    "call_opportunities": ("calls", "opportunities"),
    "emails": ("opportunities",),
}
FORK = multiprocessing.get_context("fork")
PATIENCE = 60.0


def instance_in(home: Path) -> dg.DagsterInstance:
    """An instance that keeps its history in `home`, and tells nobody."""
    return dg.DagsterInstance.local_temp(str(home), overrides={"telemetry": {"enabled": False}})


def graph(work: Work = lambda _name, _context: None) -> dg.Definitions:
    """The six assets, each of which calls `work` with its name; `calls` has a check."""
    return dg.Definitions(
        assets=[_asset(name, parents, work) for name, parents in PARENTS.items()],
        jobs=[dg.define_asset_job("sync_all", executor_def=dg.in_process_executor)],
    )


def _asset(name: str, parents: tuple[str, ...], work: Work) -> dg.AssetsDefinition:
    specs = [dg.AssetCheckSpec("row_count_delta", asset=name)] if name == "calls" else []
    again = dg.RetryPolicy(max_retries=1) if name == "emails" else None

    @dg.asset(name=name, deps=parents, check_specs=specs, retry_policy=again, output_required=False)
    def entity(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult | dg.AssetObservation]:
        context.log.info("read %s", name)
        if absent := work(name, context):
            yield dg.AssetObservation(name, metadata={"skipped": absent})
            return
        counts = {"rows_read": 1200, "rows_inserted": 1000, "rows_updated": 34, "rows_synced": 1034}
        yield dg.MaterializeResult(metadata={**counts, "dagster/row_count": 5000, "status": "success"})
        for spec in specs:
            yield dg.AssetCheckResult(check_name=spec.name, passed=True, metadata={"source": 5000})

    return entity


def failing(wrong: str, message: str = "Postgres refuses a statement") -> Work:
    """Work in which one entity fails for good."""

    def work(name: str, context: dg.AssetExecutionContext) -> str | None:
        if name == wrong:
            raise dg.Failure(message, allow_retries=False)

    return work


def flaky(name: str, context: dg.AssetExecutionContext) -> None:
    """Work in which `emails` needs a second try."""
    if name == "emails" and context.retry_number == 0:
        raise ConnectionError("BigQuery cut its answer short")


def without_emails(name: str, _context: dg.AssetExecutionContext) -> str | None:
    """Work in which the source has no table for `emails`."""
    return "gong.email is not there" if name == "emails" else None


def run(
    instance: dg.DagsterInstance,
    work: Work = lambda _name, _context: None,
    tags: dict[str, str] | None = None,
) -> str:
    """Execute the graph in this process and return the run's id."""
    run_id = make_new_run_id()
    job = graph(work).resolve_job_def("sync_all")
    job.execute_in_process(instance=instance, run_id=run_id, tags=tags, raise_on_error=False)
    return run_id


@contextmanager
def running_elsewhere(home: Path, instance: dg.DagsterInstance) -> Iterator[tuple[str, int]]:
    """A run in another process that has come to `speakers` and stays there; yields its id and the process."""
    run_id = make_new_run_id()
    process = FORK.Process(target=_stay, args=(home, run_id), daemon=True)
    process.start()
    try:
        until(lambda: _started(instance, run_id, "speakers"))
        yield run_id, process.pid or 0
    finally:
        process.kill()
        process.join()


def cancel(instance: dg.DagsterInstance, run_id: str, process: int) -> None:
    """Cancel a run as Dagster does, and wait until it is."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.report_run_canceling(run)
    os.kill(process, signal.SIGINT)
    until(lambda: getattr(instance.get_run_by_id(run_id), "status", None) == DagsterRunStatus.CANCELED)


def _stay(home: Path, run_id: str) -> None:
    def work(name: str, context: dg.AssetExecutionContext) -> None:
        if name == "speakers":
            time.sleep(PATIENCE)

    with instance_in(home) as instance:
        job = graph(work).resolve_job_def("sync_all")
        run = instance.create_run_for_job(job_def=job, run_id=run_id, tags={PROCESS_TAG: this_process()})
        with capture_interrupts():
            list(execute_run_iterator(InMemoryJob(job), run, instance))


def _started(instance: dg.DagsterInstance, run_id: str, step: str) -> bool:
    if not instance.has_run(run_id):
        return False
    events = instance.all_logs(run_id, of_type=DagsterEventType.STEP_START)
    return any(entry.step_key == step for entry in events)


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for a condition; AssertionError where it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)

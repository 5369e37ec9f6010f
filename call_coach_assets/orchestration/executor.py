"""How the steps of a run are executed: each entity in a process of its own, or all of them in one.

Starting a process for an entity takes longer than to sync what an hour brings. So a run that has little to do stays in
its own process, and one that has much, a first sync or a full refresh, has entities in parallel.

An entity waits for those that it depends on, but runs also when one of them failed: its rows then wait in the inbox for
their parents, so no failure stops another entity. Dagster calls that `require_upstream_step_success: false`; a failed
step first tells, by an output, that its children may start (see entity_asset.py).

The executor also notes on the run which process it is, since a run that was started from a terminal and killed stays
"started" in the history for ever, and would make the schedule skip every hour.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.executor.multiprocess import MultiprocessExecutor

from call_coach_assets.orchestration.workload import has_little_to_do
from call_coach_assets.settings import Settings, read_settings

PROCESS_TAG = "call_coach/process"
PARALLEL_STEPS = 3  # no more entities are ever independent of each other
_PRELOADED = ("call_coach_assets.orchestration.preload",)
_CHILDREN_RUN_ANYWAY = StepDependencyConfig(require_upstream_step_success=False)


def this_process() -> str:
    """The value of PROCESS_TAG: host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


class _Parallel(MultiprocessExecutor):
    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Execute each step in a process forked from one that has everything imported."""
        plan_context.instance.add_run_tags(plan_context.run_id, {PROCESS_TAG: this_process()})
        yield from super().execute(plan_context, execution_plan)


class _InProcess(InProcessExecutor):
    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Execute one step after the other in the run's own process."""
        plan_context.instance.add_run_tags(plan_context.run_id, {PROCESS_TAG: this_process()})
        yield from super().execute(plan_context, execution_plan)


class _Fitting(dg.Executor):
    @property
    def retries(self) -> RetryMode:
        """Steps may ask for a retry."""
        return RetryMode.ENABLED

    @property
    def step_dependency_config(self) -> StepDependencyConfig:
        """An entity runs also when one that it depends on failed."""
        return _CHILDREN_RUN_ANYWAY

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Execute the steps where they fit."""
        little = has_little_to_do(execution_plan.step_keys_to_execute, plan_context.run_config, read_settings())
        yield from (_together() if little else _apart()).execute(plan_context, execution_plan)


def _apart() -> _Parallel:
    return _Parallel(
        retries=RetryMode.ENABLED,
        max_concurrent=PARALLEL_STEPS,
        start_method="forkserver",
        explicit_forkserver_preload=_PRELOADED,
        step_dependency_config=_CHILDREN_RUN_ANYWAY,
    )


def _together() -> _InProcess:
    return _InProcess(retries=RetryMode.ENABLED, step_dependency_config=_CHILDREN_RUN_ANYWAY)


@dg.executor(name="auto", requirements=multiple_process_executor_requirements())
def fitting_executor(_init: dg.InitExecutorContext) -> _Fitting:
    """Little work in the run's own process, much of it in parallel processes."""
    return _Fitting()


@dg.executor(name="multiprocess", requirements=multiple_process_executor_requirements())
def parallel_executor(_init: dg.InitExecutorContext) -> _Parallel:
    """Entities that do not depend on each other run at the same time, each in a process of its own."""
    return _apart()


@dg.executor(name="in_process")
def in_process_executor(_init: dg.InitExecutorContext) -> _InProcess:
    """One entity after the other, in the run's own process."""
    return _together()


_EXECUTORS = {"auto": fitting_executor, "multiprocess": parallel_executor, "in_process": in_process_executor}


def executor_for(settings: Settings) -> dg.ExecutorDefinition:
    """The executor that SYNC_EXECUTOR names."""
    return _EXECUTORS[settings.sync_executor]

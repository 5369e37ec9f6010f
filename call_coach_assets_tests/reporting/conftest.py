"""One run of every kind, made once."""

from collections.abc import Iterator

import pytest

from call_coach_assets_tests.reporting import toy_runs
from call_coach_assets_tests.reporting.prefect_history import History


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """A run that succeeds, one that fails in part, one that retries, one that is canceled and one killed with -9."""
    home = tmp_path_factory.mktemp("dagster")
    with toy_runs.instance_in(home) as instance:
        succeeded = toy_runs.run(instance, tags={"dagster/schedule_name": "sync_hourly"})
        partly_failed = toy_runs.run(instance, toy_runs.failing("opportunities"))
        retried = toy_runs.run(instance, toy_runs.flaky)
        with toy_runs.running_elsewhere(home, instance) as (canceled, process):
            toy_runs.cancel(instance, canceled, process)
        with toy_runs.running_elsewhere(home, instance) as (killed, _):
            pass
        yield History(home, instance, succeeded, partly_failed, retried, canceled, killed)

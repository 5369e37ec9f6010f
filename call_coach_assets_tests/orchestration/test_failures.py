"""What Dagster's history keeps of an error: everything that helps, and no secret."""

from __future__ import annotations

import dagster as dg
import pytest

from call_coach_assets.errors import TargetUnavailableError
from call_coach_assets.orchestration.failures import EntityFailure, failure_of, failures_of_run
from call_coach_assets.settings import read_settings
from call_coach_assets_tests.orchestration.runs import finished_run

SECRET = "hunter2hunter2"
SETTINGS = read_settings(_env_file=None, DATABASE_URL=f"postgresql://sync:{SECRET}@db/app")


def _kept(error: Exception) -> EntityFailure:
    with dg.DagsterInstance.ephemeral() as instance:
        return failures_of_run(instance, finished_run(instance, {"calls": error}))["calls"]


def test_an_error_comes_back_from_the_history_as_it_was() -> None:
    kept = _kept(TargetUnavailableError("Postgres is away", why="connection refused", remedy="start it"))
    assert kept == EntityFailure(
        entity="calls", kind="TargetUnavailableError", what="Postgres is away", why="connection refused",
        remedy="start it", transient=True,
    )  # fmt: skip


def test_a_defect_is_called_one_and_is_not_tried_again() -> None:
    kept = _kept(ValueError("17 is no horse"))
    assert (kept.what, kept.why, kept.transient) == ("ValueError", "17 is no horse", False)
    assert "defect" in kept.remedy


@pytest.mark.parametrize("error", [ValueError(SECRET), TargetUnavailableError(SECRET, why=SECRET, remedy=SECRET)])
def test_no_secret_reaches_the_history(error: Exception) -> None:
    try:
        raise error
    except Exception as raised:
        failure = failure_of(raised, SETTINGS)
    assert SECRET not in str(failure.description) + str({key: value.value for key, value in failure.metadata.items()})

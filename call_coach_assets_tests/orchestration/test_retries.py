"""What is run again after a failure, when, and how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from call_coach_assets.errors import SourceMissingError, SourceUnavailableError
from call_coach_assets.orchestration import retries
from call_coach_assets.orchestration.jobs import SYNC_ALL
from call_coach_assets.orchestration.retries import RETRY_TAG, WAIT, Retry, pending_retries, retry_sensor
from call_coach_assets_tests.orchestration.runs import Outcome, finished_run, unfinished_run

PASSES = SourceUnavailableError("BigQuery is away", why="503", remedy="wait")
STAYS = SourceMissingError("gong.call is gone", why="404", remedy="ask")


def _pending(outcomes: dict[str, Outcome], **tags: str) -> list[Retry]:
    with dg.DagsterInstance.ephemeral() as instance:
        finished_run(instance, outcomes, tags)
        return pending_retries(instance)


def test_only_the_entities_whose_error_can_pass_are_run_again_and_five_minutes_later() -> None:
    (retry,) = _pending({"calls": PASSES, "emails": STAYS, "opportunities": None})
    assert retry.entities == ("calls",)
    assert timedelta(minutes=5) == WAIT
    assert abs(retry.due - datetime.now(UTC) - WAIT) < timedelta(minutes=1)
    request = retry.request()
    assert request.asset_selection == [dg.AssetKey("calls")]
    assert request.tags[RETRY_TAG] == "1"


def test_neither_a_permanent_error_nor_a_success_is_run_again() -> None:
    assert _pending({"calls": STAYS}) == []
    assert _pending({"calls": None}) == []


@pytest.mark.parametrize(("made", "left"), [("1", 1), ("2", 0)])
def test_there_are_two_retries_at_most(made: str, left: int) -> None:
    assert len(_pending({"calls": PASSES}, **{RETRY_TAG: made})) == left


def test_a_later_run_takes_the_place_of_a_retry() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        finished_run(instance, {"calls": PASSES})
        finished_run(instance, {"calls": None})
        assert pending_retries(instance) == []


def test_the_sensor_launches_what_is_due_once_nothing_else_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    job = dg.define_asset_job(SYNC_ALL, selection=dg.AssetSelection.assets("calls"))
    sensor = retry_sensor(job, ("calls",))
    with dg.DagsterInstance.ephemeral() as instance:
        finished_run(instance, {"calls": PASSES})

        def asked() -> int:
            return len(sensor.evaluate_tick(dg.build_sensor_context(instance=instance)).run_requests or [])

        assert asked() == 0, "five minutes have not passed"
        monkeypatch.setattr(retries, "WAIT", timedelta())
        assert asked() == 1
        unfinished_run(instance, "calls")
        assert asked() == 0, "another sync is running"

"""What Slack and PagerDuty receive, over a loopback server that records it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from call_coach_assets.orchestration import alert_sensor
from call_coach_assets.orchestration.alert_sensor import AlertState, look
from call_coach_assets.reporting.incidents import FinishedRun, Problem
from call_coach_assets.settings import Settings, read_settings
from call_coach_assets_tests.recorder import Recorder

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
GONE = Problem(entity="calls", what="The table gongio_ft.call is gone", remedy="ask Fivetran")


@pytest.fixture(autouse=True)
def checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"calls": START - timedelta(hours=3)}
    monkeypatch.setattr(alert_sensor, "_checkpoints", lambda settings: known)


@pytest.fixture
def receivers(recorder: Recorder) -> Settings:
    return read_settings(
        _env_file=None,
        slack_webhook_url=f"{recorder.url}/slack",
        pagerduty_routing_key="routing-key",
        pagerduty_events_url=f"{recorder.url}/pagerduty",
        dagster_ui_url="https://dagster.example",
    )


def failed(hour: int) -> FinishedRun:
    ended = START + timedelta(hours=hour)
    return FinishedRun(run_id=f"run-{hour}", ended_at=ended, status="failure", problems=(GONE,))


def good(hour: int) -> FinishedRun:
    ended = START + timedelta(hours=hour)
    return FinishedRun(run_id=f"run-{hour}", ended_at=ended, status="success", synced=("calls",))


@pytest.mark.covers("P19")
def test_slack_is_told_what_failed_since_when_how_stale_what_to_do_and_where(
    receivers: Settings, recorder: Recorder
) -> None:
    look(AlertState(until=START), [failed(0)], receivers)
    (body,) = recorder.bodies("/slack")
    for part in (
        "calls",
        "The table gongio_ft.call is gone",
        "2026-01-05 08:00",
        "as they were at 2026-01-05 05:00 UTC, 3 h ago",
    ):
        assert part in body["text"]
    assert "What to do: ask Fivetran" in body["text"]
    assert "https://dagster.example/runs/run-0" in body["text"]
    assert recorder.bodies("/pagerduty") == []


@pytest.mark.covers("P35")
def test_the_third_failure_in_a_row_pages_and_recovery_resolves_it(receivers: Settings, recorder: Recorder) -> None:
    state = AlertState(until=START)
    for run in (failed(0), failed(1), failed(2), failed(3), good(4)):
        state = look(state, [run], receivers)
    trigger, resolve = recorder.bodies("/pagerduty")
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"]
    assert trigger["routing_key"] == "routing-key"
    assert state.incident is None
    assert len(recorder.bodies("/slack")) == 3


def test_what_could_not_be_delivered_is_sent_again_and_only_to_whom_it_failed(
    receivers: Settings, recorder: Recorder
) -> None:
    recorder.answer(503, times=2)
    state = look(AlertState(until=START), [failed(0)], receivers)
    assert [notice.receivers for notice in state.undelivered] == [("slack",)]
    state = look(AlertState.model_validate_json(state.model_dump_json()), [], receivers)
    assert state.undelivered == ()
    assert len(recorder.bodies("/slack")) == 3
    look(state, [], receivers)
    assert len(recorder.bodies("/slack")) == 3


def test_nothing_configured_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    state = look(AlertState(until=START), [failed(0)], read_settings(_env_file=None))
    assert state.undelivered == ()
    assert "The table gongio_ft.call is gone" in caplog.text


def test_a_reconcile_that_fails_is_named_as_such_beside_an_incident_of_the_sync(
    receivers: Settings, recorder: Recorder
) -> None:
    reconcile = failed(0).model_copy(update={"job": "reconcile", "run_id": "nightly"})
    state = look(AlertState(until=START), [reconcile, failed(1)], receivers)
    told, sync = (body["text"] for body in recorder.bodies("/slack"))
    assert told.startswith("The reconcile failed: calls, since 2026-01-05 08:00 UTC.")
    assert "the hourly sync goes on" in told
    assert "https://dagster.example/runs/nightly" in told
    assert sync.startswith("The sync failed: calls")
    state = look(AlertState.model_validate_json(state.model_dump_json()), [good(2)], receivers)
    assert (state.incident, state.reconcile is not None) == (None, True)
    assert recorder.bodies("/pagerduty") == []


def test_a_check_is_not_called_a_failed_sync_and_nothing_is_said_of_what_is_not_known(
    receivers: Settings, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_sensor, "_checkpoints", lambda settings: None)
    doubtful = GONE.model_copy(update={"check": True})
    look(AlertState(until=START), [good(0).model_copy(update={"problems": (doubtful,)})], receivers)
    (body,) = recorder.bodies("/slack")
    assert body["text"].startswith("A check found bad data: calls")
    assert "cannot be told: its Postgres does not answer" in body["text"]

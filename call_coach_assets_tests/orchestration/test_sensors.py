"""The sensors' ticks themselves: what they remember, what they catch up with, and that they hide no error."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from call_coach_assets.errors import SourceMissingError
from call_coach_assets.orchestration import health_sensor
from call_coach_assets.orchestration.alert_sensor import alert_sensor
from call_coach_assets_tests.orchestration.runs import finished_run
from call_coach_assets_tests.recorder import Recorder

ENTITIES = ("calls", "emails")
GONE = SourceMissingError("gong.email is gone", why="404", remedy="ask Fivetran")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def _tick(instance: dg.DagsterInstance, cursor: str | None = None) -> tuple[str | None, str]:
    """One tick of the alerts; its cursor, and what its page says."""
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    told = alert_sensor(ENTITIES).evaluate_tick(context)
    return told.cursor, str(told.skip_message)


@pytest.mark.covers("P19")
def test_what_failed_while_the_daemon_was_down_is_told_when_it_is_back_and_nothing_is_told_twice(
    instance: dg.DagsterInstance, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", f"{recorder.url}/slack")
    finished_run(instance, {"calls": None, "emails": GONE})
    cursor, says = _tick(instance)
    (body,) = recorder.bodies("/slack")
    assert "gong.email is gone" in body["text"]
    assert says.startswith("sync of emails: wrong since")
    cursor, _ = _tick(instance, cursor)
    assert len(recorder.bodies("/slack")) == 1
    finished_run(instance, {"calls": None, "emails": None})
    _, says = _tick(instance, cursor)
    assert recorder.bodies("/slack")[-1]["text"].startswith("Recovered: emails")
    assert says == "1 runs ended since the last look; nothing is wrong."


def test_a_report_that_fails_fails_the_tick_and_is_due_again(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the storage is away")

    finished_run(instance, {"calls": None})
    monkeypatch.setattr(health_sensor, "tell_health", broken)
    context = dg.build_sensor_context(instance=instance)
    with pytest.raises(RuntimeError, match="storage is away"):
        health_sensor.health_sensor(ENTITIES).evaluate_tick(context)
    assert context.cursor is None

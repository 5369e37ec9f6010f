"""When an alert is due, over histories of finished runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from call_coach_assets.reporting.incidents import FinishedRun, Incident, Notice, Problem, advance

START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def run(hour: int, *broken: str, **more: object) -> FinishedRun:
    synced = tuple(name for name in ("calls", "emails") if name not in broken)
    fields = {
        "run_id": f"run-{hour}",
        "ended_at": START + timedelta(hours=hour),
        "status": "failure" if broken else "success",
        "problems": tuple(Problem(entity=name, what="its table is gone") for name in broken),
        "synced": synced,
    }
    return FinishedRun.model_validate(fields | more)


def told(*runs: FinishedRun) -> tuple[Incident | None, list[Notice]]:
    incident, notices = None, []
    for finished in runs:
        incident, notice = advance(incident, finished)
        notices += [notice] if notice else []
    return incident, notices


@pytest.mark.covers("P19")
def test_a_permanent_failure_is_told_at_once_and_once() -> None:
    incident, notices = told(run(0), run(1, "calls", "emails"), run(2, "calls"))
    assert [notice.kind for notice in notices] == ["opened"]
    assert incident is not None
    assert incident.affected == ("calls", "emails")
    assert not incident.paged


@pytest.mark.covers("P35")
def test_three_failures_in_a_row_page_once_and_recovery_resolves_the_same_incident() -> None:
    incident, notices = told(*[run(hour, "calls") for hour in range(5)], run(5))
    assert [(notice.kind, notice.run_id) for notice in notices] == [
        ("opened", "run-0"),
        ("escalated", "run-2"),
        ("recovered", "run-5"),
    ]
    assert len({notice.incident.key for notice in notices}) == 1
    assert notices[-1].incident.paged
    assert incident is None


def test_a_failure_that_is_tried_again_is_not_told() -> None:
    assert told(run(0, "calls", retried=True), run(1))[1] == []


def test_an_incident_is_over_only_when_each_entity_has_been_synced() -> None:
    incident, notices = told(run(0, "calls", "emails"), run(1, synced=("calls",)))
    assert incident is not None
    assert incident.affected == ("emails",)
    assert [notice.kind for notice in notices] == ["opened"]
    assert told(run(0, "calls", "emails"), run(1, synced=("calls",)), run(2, synced=("emails",)))[0] is None


def test_an_error_check_of_a_run_that_succeeded_opens_an_incident() -> None:
    bad = Problem(entity="calls", what="row_count_delta: 12 % of the rows are missing")
    assert [n.kind for n in told(run(0, problems=(bad,), status="success"))[1]] == ["opened"]


def test_a_canceled_run_neither_opens_nor_ends_an_incident() -> None:
    assert told(run(0, status="canceled"))[1] == []
    assert told(run(0, "calls"), run(1, status="canceled"))[0] is not None


def test_the_retries_of_one_hour_count_as_one_failure() -> None:
    hours = [run(0, "calls", first="run-0"), run(1, "emails", first="run-0"), run(2, "calls"), run(3, "calls")]
    incident, notices = told(*hours)
    assert [(notice.kind, notice.run_id) for notice in notices] == [("opened", "run-0"), ("escalated", "run-3")]
    assert incident is not None
    assert incident.failed_runs == 3


def test_a_reconcile_is_told_to_slack_and_never_pages() -> None:
    incident, notices = told(*[run(hour, "calls", job="reconcile") for hour in range(5)])
    assert [(notice.kind, notice.receivers) for notice in notices] == [("opened", ("slack",))]
    assert incident is not None
    assert not incident.paged

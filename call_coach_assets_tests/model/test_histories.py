"""Random histories of the source, crashes and concurrent runs leave what the model says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from call_coach_assets_tests.model.both_ends import BothEnds
from call_coach_assets_tests.model.disturbances import AFTER_LANDING, interrupt
from call_coach_assets_tests.model.history import History
from call_coach_assets_tests.model.tiny_source import ROWS
from call_coach_assets_tests.model.world_machine import WorldMachine

BOUNDED = settings(
    max_examples=2,
    stateful_step_count=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


ROW = {repr(row): row for row in ROWS}


@pytest.fixture(scope="module")
def ends(emulator: str, postgres_url: str) -> Iterator[BothEnds]:
    opened = BothEnds(emulator, postgres_url)
    yield opened
    opened.forget()


@pytest.mark.timeout(900)
@pytest.mark.covers("P7", "P8", "P9", "P10", "P11", "P12", "P13", "P30", "P31")
def test_after_any_history_the_database_is_what_the_source_says(ends: BothEnds) -> None:
    run_state_machine_as_test(type("Histories", (WorldMachine,), {"ends": ends}), settings=BOUNDED)


@pytest.mark.covers("P7", "P8", "P9", "P10", "P11", "P13", "P30")
def test_a_history_that_needs_every_mechanism_at_once(ends: BothEnds) -> None:
    history = History(ends)
    history.begin()
    _much_is_deleted_and_some_falls_behind(history)
    _columns_change(history)
    interrupt(history, "calls", AFTER_LANDING)
    history.land(ROW["gong.call[1, w1]"], "next")  # a second version of it in the inbox
    history.settle()
    for row in history.family(ROW["gong.call[3, w1]"]):
        history.land(row, "same")
    history.land(ROW["gong.call[2, w1]"], "next")  # back, with children that nobody touched
    history.land(ROW["salesforce.opportunity[006A]"], "next")
    history.land(ROW["gong.transcript[3, 1, w1]"], "late")  # older than what was seen
    history.shapes.give_back("gong.email", "subject")  # and nothing else says that the emails are to be read
    history.shapes.retype("gong.call", "duration", "INT64")
    history.settle()
    for gone in ("gong.call[1, w1]", "gong.call[1, w2]", "gong.call_speaker[1, 1a]", "gong.call_speaker[3, 3b]"):
        history.vanish(ROW[gone])  # imported again without rows, hung on or not
    history.reconcile()


def _much_is_deleted_and_some_falls_behind(history: History) -> None:
    history.ends.warehouse.advance(timedelta(hours=10))
    for place in range(2):
        history.application.hang("coaching_sessions", place)
    history.application.write("calls", 0, "ae")
    history.land(ROW["gong.call[1, w1]"], "next")
    history.land(ROW["gong.transcript[1, 0, w2]"], "missing")  # a second version, of no time
    history.land(ROW["salesforce.opportunity[006B]"], "future")
    history.flag(ROW["gong.call[2, w1]"], "next")
    history.flag(ROW["salesforce.opportunity[006A]"], "next")
    history.flag(ROW["gong.call_context_integration[1, 006B, Amount]"], "next")
    for row in history.family(ROW["gong.call[3, w1]"]):
        history.flag(row, "next")
    for later in ("gong.transcript[3, 0, w1]", "gong.call_speaker[3, 3a]", "gong.email[m2]"):  # the others fall behind
        history.land(ROW[later], "next")


def _columns_change(history: History) -> None:
    history.shapes.retype("gong.call", "duration", "STRING")
    history.land(ROW["gong.call[1, w2]"], "next", spoiled=True)  # a duration in words
    history.shapes.retype("gong.transcript", "index", "FLOAT64")
    history.shapes.add("salesforce.opportunity")
    history.drop_column("gong.email", "subject")
    history.ends.warehouse.advance(timedelta(hours=10))
    history.land(ROW["gong.email[m1]"], "next", spoiled=True)

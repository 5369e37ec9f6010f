"""Random histories of the source, crashes and concurrent runs leave what the model says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from call_coach_assets.sync.postgres import close_pools
from call_coach_assets_tests.model.both_ends import BothEnds
from call_coach_assets_tests.model.disturbances import AFTER_LANDING, interrupt
from call_coach_assets_tests.model.history import History
from call_coach_assets_tests.model.tiny_source import ROWS
from call_coach_assets_tests.model.world_machine import WorldMachine

BOUNDED = settings(
    max_examples=3,
    stateful_step_count=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def ends(emulator: str, database: str) -> Iterator[BothEnds]:
    opened = BothEnds(emulator, database)
    yield opened
    close_pools()
    opened.close()


@pytest.mark.timeout(900)
@pytest.mark.covers("P7", "P8", "P9", "P10", "P11", "P12", "P13", "P30", "P31")
def test_after_any_history_the_database_is_what_the_source_says(ends: BothEnds) -> None:
    run_state_machine_as_test(type("Histories", (WorldMachine,), {"ends": ends}), settings=BOUNDED)


@pytest.mark.covers("P7", "P10", "P11", "P13")
def test_a_history_that_needs_every_mechanism_at_once(ends: BothEnds) -> None:
    rows = {repr(row): row for row in ROWS}
    history = History(ends)
    history.begin()
    ends.warehouse.advance(timedelta(hours=10))
    history.land(rows["gong.call[1, w1]"], "next")
    history.flag(rows["gong.call[2, w1]"], "next")
    history.flag(rows["salesforce.opportunity[006A]"], "next")
    history.flag(rows["gong.call_context_integration[1, 006B, Amount]"], "next")
    for later in (
        "gong.transcript[3, 0]",
        "gong.call_speaker[3, 3a]",
        "gong.email[m2]",
    ):  # the others fall behind
        history.land(rows[later], "next")
    interrupt(history, "calls", AFTER_LANDING)
    history.land(rows["gong.call[1, w1]"], "next")  # a second version of it in the inbox
    history.settle()
    history.land(rows["gong.call[2, w1]"], "next")  # back, with children that nobody touched
    history.land(rows["salesforce.opportunity[006A]"], "next")
    history.land(rows["gong.transcript[3, 1]"], "late")  # older than what was seen
    history.settle()

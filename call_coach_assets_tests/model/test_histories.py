"""Random histories of the source, crashes and concurrent runs leave what the model says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from call_coach_assets.sync.postgres import close_pools
from call_coach_assets_tests.model.both_ends import BothEnds
from call_coach_assets_tests.model.world_machine import WorldMachine

BOUNDED = settings(
    max_examples=3,
    stateful_step_count=12,
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


@pytest.mark.covers("P7", "P8", "P9", "P10", "P11", "P12", "P13", "P30", "P31")
def test_after_any_history_the_database_is_what_the_source_says(ends: BothEnds) -> None:
    run_state_machine_as_test(type("Histories", (WorldMachine,), {"ends": ends}), settings=BOUNDED)

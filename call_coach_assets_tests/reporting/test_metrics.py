"""Figures for other systems."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from call_coach_assets.reporting.metrics import EntityMetrics, export
from call_coach_assets.settings import read_settings

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
CALLS = EntityMetrics(
    entity="calls",
    rows_synced=12,
    errors_count=3,
    duration_seconds=4.5,
    checkpoint=NOW - timedelta(minutes=10),
    finished_at=NOW,
    failed=False,
    checks={"unique_keys": True, "row_count_delta": False},
)
NEVER = EntityMetrics(
    entity="emails",
    rows_synced=0,
    errors_count=0,
    duration_seconds=None,
    checkpoint=None,
    finished_at=None,
    failed=None,
)


@pytest.mark.covers("P18")
def test_the_figures_of_each_entity_are_written_for_the_textfile_collector(tmp_path: Path) -> None:
    target = tmp_path / "call_coach.prom"
    export([CALLS, NEVER], read_settings(metrics_textfile=target, _env_file=None), NOW)
    lines = target.read_text().splitlines()
    assert 'call_coach_rows_synced{entity="calls"} 12.0' in lines
    assert 'call_coach_errors_count{entity="calls"} 3.0' in lines
    assert 'call_coach_duration_seconds{entity="calls"} 4.5' in lines
    assert 'call_coach_lag_seconds{entity="calls"} 600.0' in lines
    assert 'call_coach_check_passed{check="row_count_delta",entity="calls"} 0.0' in lines
    assert not [line for line in lines if line.startswith('call_coach_lag_seconds{entity="emails"')]


def test_a_receiver_that_is_down_is_logged_and_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        export([CALLS], read_settings(metrics_push_gateway="http://127.0.0.1:9", _env_file=None), NOW)
    assert "could not be pushed" in caplog.text

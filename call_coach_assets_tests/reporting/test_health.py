"""How all entities are, as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from call_coach_assets.reporting.health import EntityHealth, figures, headline, line, report, span
from call_coach_assets.reporting.sparkline import Point, sparkline

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
CALLS = EntityHealth(
    entity="calls",
    state="success",
    synced_at=NOW - timedelta(minutes=12),
    lag_seconds=1500,
    rows=1234,
    bytes_billed=20_971_520,
    usd_per_month=0.087,
    failing_checks={"row_count_delta": "3 of 90 rows are missing."},
    warning_checks={"cost": "12 USD a month."},
    history=(
        Point(rows=0, seconds=2.0, lag_seconds=60),
        Point(rows="failed", seconds="failed", lag_seconds="failed"),
        Point(),
        Point(rows=1234, seconds=4.0, lag_seconds=30),
    ),
)
EMAILS = EntityHealth(entity="emails", state="failed", waiting=2, dead_letters=3, trouble="its table is gone. Ask.")
LINKS = EntityHealth(entity="links", state="success", synced_at=NOW)


def test_a_sparkline_is_scaled_from_nothing_to_the_largest_and_shows_what_failed_or_was_not_run() -> None:
    assert sparkline([0, 1, 50, 100]) == "▁▂▅█"
    assert sparkline([3, "failed", None, 3]) == "█×·█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([0, 9, 99, 9999], by_magnitude=True) == "▁▃▅█"
    assert sparkline([]) == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "?"), (-3, "0 s"), (40, "40 s"), (720, "12 min"), (10_800, "3 h"), (432_000, "5 days")],
)
def test_spans_are_said_as_people_say_them(seconds: float | None, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.covers("P18")
def test_the_headline_names_what_is_not_synced_what_is_doubtful_and_what_does_not_run() -> None:
    assert headline([LINKS]) == "All 1 entities are synced."
    assert headline([CALLS, EMAILS, LINKS]) == "Not synced: emails. Checks fail on calls. 1 checks warn."
    assert headline([LINKS], ["sync_hourly is switched off"]).endswith("Automation: sync_hourly is switched off.")


def test_a_line_says_how_one_entity_is() -> None:
    assert line(CALLS) == (
        "▁×·█ · success, last synced Jan 05 07:48 UTC, 25 min behind · 1,234 rows written"
        " · FAILING: row_count_delta · warning: cost"
    )
    assert line(EMAILS) == "FAILED, last synced never, ? behind · 0 rows written, 5 wait or are dead letters"


def test_the_report_has_a_row_with_three_sparklines_for_each_and_says_what_to_do() -> None:
    text = report([CALLS, EMAILS, LINKS])
    plain = text.replace("\N{NO-BREAK SPACE}", " ")
    figures_of, sparklines = ([cell.strip() for cell in row.strip("|").split("|")] for row in _rows(plain, "calls"))
    assert figures_of[1:] == [
        "success", "Jan 05 07:48 UTC", "25 min", "1,234", "0", "0", "row_count_delta", "cost", "21 MB", "0.09",
    ]  # fmt: skip
    assert sparklines[1:] == ["▁×·█", "▅×·█", "█×·▅"]
    assert "- failed: its table is gone. Ask." in text
    assert "- `row_count_delta` fails: 3 of 90 rows are missing." in text
    assert "**links**" not in text


def _rows(text: str, entity: str) -> list[str]:
    return [each for each in text.splitlines() if f"| `{entity}` |" in each]


def test_the_figures_are_sums_and_the_worst_lag() -> None:
    assert figures([CALLS, EMAILS, LINKS]) == {
        "entities_failing": 1,
        "checks_failing": 1,
        "checks_warning": 1,
        "rows_synced": 1234,
        "rows_waiting": 2,
        "dead_letters": 3,
        "worst_lag_seconds": 1500,
        "usd_per_month": 0.09,
    }

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from call_coach_assets.cli.rendering import PIPED_WIDTH, cell, console, duration, plural, show_finding, show_table
from call_coach_assets.diagnosis.finding import error, ok


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.4, "0 s"), (59, "59 s"), (725, "12 min 5 s"), (3600, "1 h"), (273_700, "3 d 4 h")],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


def test_values_are_written_for_people() -> None:
    stamp = datetime(2025, 1, 6, 8, 0, 1, 999, tzinfo=UTC)
    values = [None, "", 1234567, 2.34, stamp, timedelta(seconds=61), "calls"]
    written = ["-", "-", "1,234,567", "2.3", "2025-01-06 08:00:01", "1 min 1 s", "calls"]
    assert [cell(value) for value in values] == written


def test_counts_agree_with_their_noun() -> None:
    assert [plural(count, "error") for count in (0, 1, 2)] == ["0 errors", "1 error", "2 errors"]


def test_piped_output_has_no_escapes_and_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    remedy = "do this, and that " * 20
    show_finding(console(), error("thing", "is [broken]", remedy))
    show_table(console(), ["entity", "rows"], [["calls", 12345], ["a" * 200, None]])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "ERROR   thing: is [broken]\n" in shown
    assert f"-> {remedy}\n" in shown
    assert "a" * 200 in shown
    assert "12,345" in shown


def test_a_terminal_gets_colours() -> None:
    screen = Console(file=StringIO(), force_terminal=True, width=PIPED_WIDTH, color_system="standard")
    show_finding(screen, ok("thing", "works"))
    assert "\x1b[32mok" in screen.file.getvalue()  # type: ignore[attr-defined]

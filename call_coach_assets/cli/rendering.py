"""How findings, tables and figures look: colours and boxes on a terminal, plain aligned lines when piped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from call_coach_assets.diagnosis.finding import Finding, State

PIPED_WIDTH = 240
STYLES = {State.OK: "green", State.WARNING: "yellow", State.ERROR: "bold red", State.SKIPPED: "dim"}
SIGNS = {State.OK: "ok", State.WARNING: "warning", State.ERROR: "ERROR", State.SKIPPED: "skipped"}
NOTHING = "-"


def console() -> Console:
    """Standard output as it is now; when piped it is wide, so that no line is folded or cut."""
    screen = Console(highlight=False, soft_wrap=True)
    return screen if screen.is_terminal else Console(highlight=False, soft_wrap=True, width=PIPED_WIDTH)


def show_finding(screen: Console, finding: Finding) -> None:
    """One line for what was seen, and one for what to do about it."""
    line = Text(f"{SIGNS[finding.state]:<8}", style=STYLES[finding.state])
    screen.print(line + Text(f"{finding.name}: {finding.what}", style="default"))
    if finding.remedy:
        screen.print(Text(f"{'':8}-> {finding.remedy}", style="italic"))


def show_table(
    screen: Console, headings: Sequence[str], rows: Iterable[Sequence[object]], *, figures: bool = True
) -> None:
    """A table; all columns but the first hold `figures`, which are aligned on the right."""
    table = Table(box=SIMPLE_HEAD if screen.is_terminal else None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place and figures else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    screen.print(table, soft_wrap=not screen.is_terminal)


def cell(value: object) -> str:
    """A value for people: thousands separated, instants to the second in UTC, durations in their two largest units."""
    match value:
        case None | "":
            text = NOTHING
        case int():
            text = f"{value:,}"
        case float():
            text = f"{value:,.1f}"
        case datetime():
            text = f"{value:%Y-%m-%d %H:%M:%S}"
        case timedelta():
            text = duration(value)
        case _:
            text = str(value)
    return text


def duration(span: timedelta) -> str:
    """`3 d 4 h`, `12 min 5 s`, `0 s`: the two largest units of a span."""
    left = int(span.total_seconds())
    parts: list[str] = []
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def plural(count: int, thing: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"

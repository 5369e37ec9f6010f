"""How all entities are, at a glance: one line for each, a table with sparklines, and the figures that are plotted.

Pure text from plain values; `orchestration/standings.py` reads them from Dagster's history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from call_coach_assets.reporting.sparkline import Point, sparkline

State = Literal["success", "partial", "failed", "skipped", "never synced"]
_COLUMNS = (
    "entity", "state", "last good sync", "behind", "rows written", "waiting", "dead letters", "failing checks",
    "warnings", "billed", "USD a month",
)  # fmt: skip
_SPARKLINES = ("entity", "rows written", "seconds taken", "lag")
_NOT_SYNCED = {"failed", "never synced"}


@dataclass(frozen=True, kw_only=True)
class EntityHealth:
    """One entity now: rows and bytes of its last good sync, and how its last runs went, oldest first."""

    entity: str
    state: State
    synced_at: datetime | None = None
    lag_seconds: float | None = None  # age of the newest source change that is in Postgres
    rows: int = 0
    waiting: int = 0
    dead_letters: int = 0
    failing_checks: Mapping[str, str] = field(default_factory=dict)  # what each of them says: data is wrong
    warning_checks: Mapping[str, str] = field(default_factory=dict)  # and: somebody should look
    bytes_billed: int = 0
    usd_per_month: float = 0.0
    trouble: str = ""  # why it failed or was skipped, and what to do
    history: tuple[Point, ...] = ()


def headline(entities: Sequence[EntityHealth], automation: Sequence[str] = ()) -> str:
    """The state of everything in a sentence; `automation` are schedules and sensors that do not work."""
    failed = [one.entity for one in entities if one.state in _NOT_SYNCED]
    doubtful = [one.entity for one in entities if one.failing_checks]
    warnings = sum(len(one.warning_checks) for one in entities)
    parts = [f"Not synced: {', '.join(failed)}." if failed else f"All {len(entities)} entities are synced."]
    parts += [f"Checks fail on {', '.join(doubtful)}."] if doubtful else []
    parts += [f"{warnings} checks warn."] if warnings else []
    parts += [f"Automation: {'; '.join(automation)}."] if automation else []
    return " ".join(parts)


def line(health: EntityHealth) -> str:
    """One entity in one line that begins with the sparkline of the rows that its last runs wrote."""
    state = health.state.upper() if health.state in _NOT_SYNCED else health.state
    unpublished = health.waiting + health.dead_letters
    parts = [
        sparkline([point.rows for point in health.history], by_magnitude=True),
        f"{state}, last synced {_at(health.synced_at)}, {span(health.lag_seconds)} behind",
        f"{health.rows:,} rows written" + (f", {unpublished:,} wait or are dead letters" if unpublished else ""),
    ]
    parts += [f"FAILING: {', '.join(health.failing_checks)}"] if health.failing_checks else []
    parts += [f"warning: {', '.join(health.warning_checks)}"] if health.warning_checks else []
    return " · ".join(part for part in parts if part)


def report(entities: Sequence[EntityHealth], automation: Sequence[str] = ()) -> str:
    """Everything in Markdown: the sentence, the tables, and what is wrong with what to do."""
    lines = [f"**{headline(entities, automation)}**", ""]
    lines += [*_table(_COLUMNS, map(_row, entities)), "", _LEGEND, ""]
    lines += _table(_SPARKLINES, map(_sparklines, entities))
    for each in entities:
        lines += _problems(each)
    return "\n".join(lines)


_LEGEND = (
    "Sparklines: the last runs, oldest first, from ▁ (none) to █ (the most; rows by magnitude);"
    " × failed, · not part of the run."
)


def figures(entities: Sequence[EntityHealth]) -> dict[str, int | float]:
    """What is plotted: entities, checks and rows, seconds of lag, and US dollars a month."""
    return {
        "entities_failing": sum(each.state in _NOT_SYNCED for each in entities),
        "checks_failing": sum(len(each.failing_checks) for each in entities),
        "checks_warning": sum(len(each.warning_checks) for each in entities),
        "rows_synced": sum(each.rows for each in entities),
        "rows_waiting": sum(each.waiting for each in entities),
        "dead_letters": sum(each.dead_letters for each in entities),
        "worst_lag_seconds": round(max((each.lag_seconds or 0.0 for each in entities), default=0.0), 1),
        "usd_per_month": round(sum(each.usd_per_month for each in entities), 2),
    }


def span(seconds: float | None) -> str:
    """A duration as a person says it: 40 s, 12 min, 3 h, 5 days; `?` where it is not known."""
    if seconds is None:
        return "?"
    for size, unit in ((172_800, 86_400), (5_400, 3_600), (90, 60)):
        if seconds >= size:
            return f"{seconds / unit:.0f} {_UNITS[unit]}"
    return f"{max(seconds, 0):.0f} s"


_UNITS = {86_400: "days", 3_600: "h", 60: "min"}


def _at(moment: datetime | None) -> str:
    return f"{moment:%b %d %H:%M} UTC" if moment else "never"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    parts = [_unbroken(header), tuple("---" for _ in header), *map(_unbroken, rows)]
    return [f"| {' | '.join(cells)} |" for cells in parts]


def _unbroken(cells: Iterable[str]) -> tuple[str, ...]:
    """The cells of a row that stays on one line, but for lists."""
    return tuple(cell if "," in cell else cell.replace(" ", "\N{NO-BREAK SPACE}") for cell in cells)


def _row(health: EntityHealth) -> tuple[str, ...]:
    return (
        f"`{health.entity}`",
        f"**{health.state}**" if health.state in _NOT_SYNCED else health.state,
        _at(health.synced_at),
        span(health.lag_seconds),
        f"{health.rows:,}",
        f"{health.waiting:,}",
        f"{health.dead_letters:,}",
        ", ".join(health.failing_checks) or "none",
        ", ".join(health.warning_checks) or "none",
        _size(health.bytes_billed),
        f"{health.usd_per_month:.2f}",
    )


def _sparklines(health: EntityHealth) -> tuple[str, ...]:
    history = health.history
    return (
        f"`{health.entity}`",
        sparkline([point.rows for point in history], by_magnitude=True),
        sparkline([point.seconds for point in history]),
        sparkline([point.lag_seconds for point in history]),
    )


def _problems(health: EntityHealth) -> list[str]:
    found = [f"- {health.state}: {health.trouble}"] if health.trouble else []
    found += [f"- `{check}` fails: {says}" for check, says in health.failing_checks.items()]
    found += [f"- `{check}` warns: {says}" for check, says in health.warning_checks.items()]
    return ["", f"**{health.entity}**", "", *found] if found else []


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"

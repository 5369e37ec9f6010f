"""What a figure reports: a heading, what was done, and tables; written as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from call_coach_assets_bench.contest import Costs, Ratio, cpus, middle, ratio, walls

COST_COLUMNS = ("rows/s", "wall s", "client CPU s", "Postgres CPU s")
RATIO_COLUMNS = ("wall, x", "CPU, x")
AIM_COLUMNS = ("ratio", "measured", "goal", "least", "reached")


@dataclass(frozen=True)
class Table:
    """Cells as they are shown; the first column is text, the others are figures."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The table in Markdown."""
        rule = ["---", *["---:"] * (len(self.columns) - 1)]
        return "\n".join("| " + " | ".join(row) + " |" for row in [self.columns, rule, *self.rows])


@dataclass(frozen=True)
class Section:
    """One figure of the benchmark."""

    name: str
    title: str
    text: str
    tables: Sequence[Table]

    def markdown(self) -> str:
        """The section in Markdown, under a heading of the third level."""
        return "\n\n".join([f"### {self.name}: {self.title}", self.text, *(t.markdown() for t in self.tables)])


def figure(value: float) -> str:
    """A number with about three significant digits."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def cost_cells(costs: Costs, name: str, rows: int) -> list[str]:
    """The cells of COST_COLUMNS for one contestant: medians."""
    own = costs[name]
    wall = middle(walls(own))
    parts = [middle([cost.client for cost in own]), middle([cost.server for cost in own])]
    return [figure(rows / wall), figure(wall), *(figure(part) for part in parts)]


def ratio_cells(costs: Costs, name: str, limit: str) -> list[str]:
    """The cells of RATIO_COLUMNS for one contestant over another."""
    if name == limit:
        return ["1", "1"]
    return [str(ratio(walls(costs[name]), walls(costs[limit]))), str(ratio(cpus(costs[name]), cpus(costs[limit])))]


def aim(what: str, value: Ratio, goal: float, least: float) -> list[str]:
    """A row under AIM_COLUMNS: a ratio, its goal, and what it must reach; more is better where goal > least."""
    sign = -1 if goal > least else 1
    reached = [name for name, bound in (("goal", goal), ("least", least)) if sign * value.middle <= sign * bound]
    return [what, str(value), f"{goal:g}", f"{least:g}", reached[0] if reached else "missed"]

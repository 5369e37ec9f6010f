"""From memory into the application's table: the project beside a bare COPY of the same rows."""

from __future__ import annotations

from call_coach_assets_bench.bench import Bench
from call_coach_assets_bench.contest import cpus, ratio, walls
from call_coach_assets_bench.jobs import loaders, project
from call_coach_assets_bench.material import material
from call_coach_assets_bench.section import (
    AIM_COLUMNS,
    COST_COLUMNS,
    RATIO_COLUMNS,
    Section,
    Table,
    aim,
    cost_cells,
    ratio_cells,
)

LIMIT, HALVES, PROJECT, ONE_PIECE = "COPY", "COPY, two connections", "project", "project, one transaction"
_TEXT = (
    "Conformed Arrow batches that are in memory, through the inbox into `transcripts` with its trigger, indexes and"
    " foreign keys, against a binary COPY of the same finished rows into the same table. CPU is the client's and"
    " Postgres' together. The project lands parts of up to 200,000 rows, the first ones smaller, and publishes each on"
    " two connections while the next is landed; what two connections can gain shows by the same COPY in two halves."
)


def measure(bench: Bench) -> Section:
    """100,000 rows; 500,000 and 1,000,000 in full."""
    lines: list[list[str]] = []
    aims: list[list[str]] = []
    for rows in bench.sizes([100_000], [500_000, 1_000_000]):
        made = material(bench.ends, rows)
        ours = {"file": str(made.conformed)}
        costs = bench.compete(
            [
                bench.loading(LIMIT, loaders.copy_binary, made.parents, rows, files=[str(made.binary)]),
                bench.loading(HALVES, loaders.copy_binary, made.parents, rows, files=[*map(str, made.halves)]),
                bench.loading(PROJECT, project.load, made.parents, rows, **ours),
                bench.loading(ONE_PIECE, project.load, made.parents, rows, **ours, publish_rows=rows * 8),
            ]
        )
        lines += [
            [f"{name}, {rows:,}", *cost_cells(costs, name, rows), *ratio_cells(costs, name, LIMIT)] for name in costs
        ]
        aims += [
            aim(f"CPU over COPY's, {rows:,}", ratio(cpus(costs[ONE_PIECE]), cpus(costs[LIMIT])), 1.15, 1.4),
            aim(f"wall over COPY's, {rows:,}", ratio(walls(costs[PROJECT]), walls(costs[LIMIT])), 0.65, 0.85),
        ]
    tables = [Table(("loader, rows", *COST_COLUMNS, *RATIO_COLUMNS), lines), Table(AIM_COLUMNS, aims)]
    return Section("load", "from memory into the application's table", _TEXT, tables)

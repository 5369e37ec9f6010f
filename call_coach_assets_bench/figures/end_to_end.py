"""From BigQuery into the application's table: the project beside bare reading and bare loading."""

from __future__ import annotations

from call_coach_assets_bench.bench import Bench
from call_coach_assets_bench.contest import Contestant, Costs, Ratio, middle, ratio, walls
from call_coach_assets_bench.jobs import loaders, project
from call_coach_assets_bench.material import material
from call_coach_assets_bench.section import AIM_COLUMNS, COST_COLUMNS, Section, Table, aim, cost_cells, figure

READ, LIMIT, PROJECT = "read and discard", "COPY", "project"
_TEXT = (
    "The first sync of `transcripts` from the emulator over REST, against reading the answer of the same query without"
    " keeping it, and against the COPY of the same rows from memory. Stages that overlap perfectly would take as long"
    " as the longer of the two."
)
_STAGES = ("extract", "land", "publish")


def measure(bench: Bench) -> Section:
    """100,000 rows; 500,000 in full."""
    lines, aims, stages = [], [], []
    for rows in bench.sizes([100_000], [500_000]):
        costs = bench.compete(_contestants(bench, rows))
        for name, own in costs.items():
            emulator = figure(middle([cost.source for cost in own]))
            lines.append([f"{name}, {rows:,}", *cost_cells(costs, name, rows), emulator])
        aims.append(aim(f"wall over max(read, COPY), {rows:,}", over_the_longer(costs), 1.3, 2.0))
        seconds = [figure(middle([cost.facts[stage] for cost in costs[PROJECT]])) for stage in _STAGES]
        stages.append([f"{rows:,}", *seconds])
    tables = [
        Table(("what, rows", *COST_COLUMNS, "emulator CPU s"), lines),
        Table(("rows", *(f"{stage} s" for stage in _STAGES)), stages),
        Table(AIM_COLUMNS, aims),
    ]
    return Section("end-to-end", "from BigQuery into the application's table", _TEXT, tables)


def over_the_longer(costs: Costs) -> Ratio:
    """The project's wall time over that of the slower of reading and COPY, round by round."""
    longer = [max(pair) for pair in zip(walls(costs[READ]), walls(costs[LIMIT]), strict=True)]
    return ratio(walls(costs[PROJECT]), longer)


def _contestants(bench: Bench, rows: int) -> list[Contestant]:
    made = material(bench.ends, rows)
    source = {"emulator": bench.emulator, "project": bench.ends.transcripts(rows)}
    return [
        bench.plain(READ, project.read, **source),
        bench.loading(LIMIT, loaders.copy_binary, made.parents, rows, files=[str(made.binary)]),
        bench.loading(PROJECT, project.sync, made.parents, rows, **source),
    ]

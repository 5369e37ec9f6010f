"""Two settings: how many rows a batch has, and whether entities that do not need each other are synced in parallel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from call_coach_assets_bench.bench import Bench
from call_coach_assets_bench.contest import Contestant, middle, ratio, walls
from call_coach_assets_bench.ends import APPLICATION
from call_coach_assets_bench.figures.startup import variables_of
from call_coach_assets_bench.jobs import project
from call_coach_assets_bench.launch import command
from call_coach_assets_bench.material import parents
from call_coach_assets_bench.measure import Facts, Task
from call_coach_assets_bench.section import COST_COLUMNS, RATIO_COLUMNS, Section, Table, cost_cells, figure, ratio_cells

BATCHES = (500, 1000, 5000, 50_000)
USUAL = "1,000"
PARALLEL, SERIAL = "multiprocess", "in_process"
_TEXT = (
    "The first sync of `transcripts` with each SYNC_BATCH_SIZE, and `call-coach sync` of the sample's six entities into"
    " an empty database with each SYNC_EXECUTOR."
)


def measure(bench: Bench) -> Section:
    """20,000 rows; 100,000 in full."""
    (rows,) = bench.sizes([100_000] if bench.full else [20_000])[:1]
    source = {"emulator": bench.emulator, "project": bench.ends.transcripts(rows)}
    template = parents(bench.ends, rows)
    costs = bench.compete(
        [bench.loading(f"{size:,}", project.sync, template, rows, batch=size, **source) for size in BATCHES]
    )
    lines = [
        [name, *cost_cells(costs, name, rows), *ratio_cells(costs, name, USUAL), _peak([c.facts for c in costs[name]])]
        for name in costs
    ]
    runs = bench.compete([_executor(bench, name) for name in (PARALLEL, SERIAL)])
    faster = ratio(walls(runs[PARALLEL]), walls(runs[SERIAL]))
    executors = [[n, *(figure(middle(v)) for v in (walls(c), [x.cpu for x in c]))] for n, c in runs.items()]
    tables = [
        Table((f"batch, of {rows:,} rows", *COST_COLUMNS, *RATIO_COLUMNS, "peak MB"), lines),
        Table(("executor", "wall s", "CPU s"), [*executors, ["parallel over serial, wall", str(faster), ""]]),
    ]
    return Section("batches", "batch sizes, and parallel entities", _TEXT, tables)


def _peak(facts: Sequence[Facts]) -> str:
    return figure(middle([each.get("peak_mb", 0.0) for each in facts]))


def _executor(bench: Bench, name: str) -> Contestant:
    @contextmanager
    def prepare() -> Iterator[Task]:
        with bench.ends.database(APPLICATION) as url:
            variables = variables_of(bench.ends, url, SYNC_EXECUTOR=name)
            with command(("call-coach", "sync"), bench.ends.folder, **variables) as task:
                yield task

    return Contestant(name, prepare)

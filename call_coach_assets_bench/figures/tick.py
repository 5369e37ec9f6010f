"""The hourly tick over tables of different sizes: it must not grow with the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import count

from google.cloud import bigquery

from call_coach_assets.local.sample_load import emulator_client
from call_coach_assets_bench.bench import Bench
from call_coach_assets_bench.contest import Contestant, Costs, Ratio, middle, ratio
from call_coach_assets_bench.ends import DATASETS
from call_coach_assets_bench.jobs import project
from call_coach_assets_bench.material import parents
from call_coach_assets_bench.measure import Cost, Task
from call_coach_assets_bench.rows import MONOLOGUES, calls_of, stamp_of
from call_coach_assets_bench.section import AIM_COLUMNS, Section, Table, aim, figure

CHANGED_CALLS = 10  # one monologue of every tenth call is 0.1 % of the rows
_COLUMNS = ("tick, rows", "read", "written", "wall s", "BigQuery s", "client CPU s", "Postgres CPU s", "emulator CPU s")
_TEXT = (
    "One sync of `transcripts` when nobody has written its table, when somebody has but no row is new, and when a"
    " thousandth of the rows is. A table that BigQuery calls unchanged is not read; where it is, the overlap of an hour"
    " reads the newest call's 100 rows again, since calls are two hours apart. The emulator scans its whole table for"
    " every query, as BigQuery does, but on one machine with everything else: the ratios are of the sync without the"
    " time in which BigQuery answers. The checks that follow look at the whole target, which is no part of them. Bytes"
    " that BigQuery would read cannot be shown: the emulator reports none."
)
_UPDATE = """
UPDATE `{path}` SET _fivetran_synced = @stamp, sentence = CONCAT('Said again: ', CAST(@stamp AS STRING))
WHERE `index` = @index AND MOD(CAST(call_id AS INT64), @step) = 0
"""


def measure(bench: Bench) -> Section:
    """20,000 and 100,000 rows; 200,000 and 2,000,000 in full."""
    sizes = bench.sizes([20_000, 100_000], [200_000, 2_000_000])
    tables = {rows: _synced(bench, rows) for rows in sizes}
    idle = bench.compete([_tick(bench, rows, url) for rows, url in tables.items()])
    vain = bench.compete([_tick(bench, rows, url, skip=False) for rows, url in tables.items()])
    busy = bench.compete([_busy_tick(bench, rows, url) for rows, url in tables.items()])
    checks = bench.compete([bench.plain(f"{rows:,}", project.check, url=url) for rows, url in tables.items()])
    told = {"nothing written": idle, "nothing changed": vain, "0.1 % changed": busy, "what the checks look at": checks}
    lines = [[f"{what}, {name}", *_cells(costs[name])] for what, costs in told.items() for name in costs]
    smallest, largest = f"{min(sizes):,}", f"{max(sizes):,}"
    grown = [
        aim(f"{what}, {largest} over {smallest} rows", _growth(costs, largest, smallest), 1.1, 1.5)
        for what, costs in (("nothing written", idle), ("nothing changed", vain))
    ]
    return Section("tick", "the hourly tick", _TEXT, [Table(_COLUMNS, lines), Table(AIM_COLUMNS, grown)])


def _synced(bench: Bench, rows: int) -> str:
    """The URL of a database in which `rows` transcript rows are synced, and a first tick is over."""
    warehouse = bench.ends.transcripts(rows)

    def fill(url: str) -> None:
        for _ in range(2):
            with project.sync(batch=50_000, url=url, emulator=bench.emulator, project=warehouse) as work:
                work()

    return bench.ends.url(bench.ends.template(f"synced_{rows}", fill, parents(bench.ends, rows)))


def _tick(bench: Bench, rows: int, url: str, *, skip: bool = True) -> Contestant:
    source = {"emulator": bench.emulator, "project": bench.ends.transcripts(rows)}
    return bench.plain(f"{rows:,}", project.sync, url=url, skip=skip, **source)


def _busy_tick(bench: Bench, rows: int, url: str) -> Contestant:
    """A tick before which a thousandth of the rows has changed."""
    tick, change = _tick(bench, rows, url), _changer(bench, rows)

    @contextmanager
    def prepare() -> Iterator[Task]:
        change()
        with tick.prepare() as task:
            yield task

    return Contestant(tick.name, prepare)


def _changer(bench: Bench, rows: int) -> Callable[[], None]:
    """Changes a thousandth of the rows each time that it is called: other ones, with a later stamp."""
    turns = count(1)
    warehouse = bench.ends.transcripts(rows)
    newest = stamp_of(calls_of(rows))

    def change() -> None:
        turn = next(turns)
        values = [
            bigquery.ScalarQueryParameter("stamp", "TIMESTAMP", newest + timedelta(days=turn)),
            bigquery.ScalarQueryParameter("index", "INT64", turn % MONOLOGUES),
            bigquery.ScalarQueryParameter("step", "INT64", CHANGED_CALLS),
        ]
        with closing(emulator_client(bench.emulator, warehouse)) as client:
            config = bigquery.QueryJobConfig(query_parameters=values)
            client.query(_UPDATE.format(path=f"{warehouse}.{DATASETS['gong']}.transcript"), job_config=config).result()

    return change


def _growth(costs: Costs, largest: str, smallest: str) -> Ratio:
    return ratio([_own(cost) for cost in costs[largest]], [_own(cost) for cost in costs[smallest]])


def _own(cost: Cost) -> float:
    return cost.wall - cost.facts["extract"]


def _cells(costs: Sequence[Cost]) -> list[str]:
    numbers = [f"{middle([cost.facts[name] for cost in costs]):,.0f}" for name in ("read", "written")]
    seconds = [
        [cost.wall for cost in costs],
        [cost.facts["extract"] for cost in costs],
        [cost.client for cost in costs],
        [cost.server for cost in costs],
        [cost.source for cost in costs],
    ]
    return [*numbers, *(figure(middle(each)) for each in seconds)]

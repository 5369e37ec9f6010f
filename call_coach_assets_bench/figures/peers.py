"""What one might take instead, in the same run."""

from __future__ import annotations

from call_coach_assets_bench.bench import Bench
from call_coach_assets_bench.contest import Contestant, ratio, walls
from call_coach_assets_bench.ends import APPLICATION
from call_coach_assets_bench.jobs import dlt_defaults, loaders, project
from call_coach_assets_bench.material import Material, material
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

LIMIT, PROJECT, REPLACED = "COPY, binary", "project", "dlt, row dicts, merge"
OWN_TABLE = f"{dlt_defaults.DATASET}.{dlt_defaults.TABLE}"
_TEXT = (
    "First from memory: finished rows into the application's table, except for the project, which starts from what"
    " BigQuery answered, and for dlt, which loads the same rows into a bare table of its own (it cannot load"
    " arrays and UUIDs into the application's). Then end to end from the emulator: the project into the application's"
    " table, and dlt with row dicts and `merge`, which is what the project replaces, into a table of its own."
)
_WITHOUT_DUCKDB = " DuckDB's Postgres extension took no part: it is not installed, and nothing is downloaded."


def measure(bench: Bench) -> Section:
    """20,000 rows; 100,000 in full."""
    (rows,) = bench.sizes([100_000] if bench.full else [20_000])[:1]
    made = material(bench.ends, rows)
    duckdb = loaders.duckdb_can()
    costs = bench.compete(_from_memory(bench, made, duckdb=duckdb))
    memory = [[name, *cost_cells(costs, name, rows), *ratio_cells(costs, name, LIMIT)] for name in costs]
    ends = bench.compete(_from_bigquery(bench, made))
    both = [[name, *cost_cells(ends, name, rows), *ratio_cells(ends, name, PROJECT)] for name in ends]
    faster = ratio(walls(ends[REPLACED]), walls(ends[PROJECT]))
    tables = [
        Table((f"from memory, {rows:,} rows", *COST_COLUMNS, *RATIO_COLUMNS), memory),
        Table((f"end to end, {rows:,} rows", *COST_COLUMNS, *RATIO_COLUMNS), both),
        Table(AIM_COLUMNS, [aim("rows/s over the row-dict pipeline's, end to end", faster, 4, 2.5)]),
    ]
    return Section("peers", "what one might take instead", _TEXT if duckdb else _TEXT + _WITHOUT_DUCKDB, tables)


def _from_memory(bench: Bench, made: Material, *, duckdb: bool) -> list[Contestant]:
    finished = {
        "psycopg 3 COPY of rows": loaders.copy_rows,
        "ADBC, INSERT … SELECT": loaders.adbc_staging,
        **({"DuckDB postgres": loaders.duckdb_postgres} if duckdb else {}),
        "execute_values(1000)": loaders.execute_values,
        "execute_batch(100)": loaders.execute_batch,
    }
    own_table = {"dlt, Arrow": dlt_defaults.arrow, "dlt, row dicts": dlt_defaults.row_dicts}
    return [
        bench.loading(LIMIT, loaders.copy_binary, made.parents, made.rows, files=[str(made.binary)]),
        bench.loading(PROJECT, project.load, made.parents, made.rows, file=str(made.conformed)),
        *(bench.loading(n, job, made.parents, made.rows, file=str(made.finished)) for n, job in finished.items()),
        *(
            bench.loading(n, job, APPLICATION, made.rows, OWN_TABLE, file=str(made.finished))
            for n, job in own_table.items()
        ),
    ]


def _from_bigquery(bench: Bench, made: Material) -> list[Contestant]:
    source = {"emulator": bench.emulator, "project": bench.ends.transcripts(made.rows)}
    return [
        bench.loading(PROJECT, project.sync, made.parents, made.rows, **source),
        bench.loading(REPLACED, dlt_defaults.replaced, APPLICATION, made.rows, OWN_TABLE, **source),
    ]

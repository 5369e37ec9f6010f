"""Both ends of a benchmark: an embedded Postgres with its safety on, and a BigQuery emulator in memory."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import count
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud import bigquery

from call_coach_assets.local.databases import create_database, database_url, drop_database
from call_coach_assets.local.emulator import EmulatorAddress, start_emulator, stop_emulator
from call_coach_assets.local.postgres import start_postgres, stop_postgres
from call_coach_assets.local.sample import sample_tables
from call_coach_assets.local.sample_load import emulator_client, seed
from call_coach_assets.local.sample_schema import SOURCE_SCHEMAS
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets_bench.measure import Cost, Task, measure
from call_coach_assets_bench.rows import calls_of, source_transcripts

APPLICATION = "application"
DATASETS = {"gong": "gongio_ft", "salesforce": "salesforce"}
_CALLS_PER_LOAD = 500


@dataclass
class Ends:
    """Two running servers; databases and warehouses are made on demand and kept until the end."""

    folder: Path
    postgres_url: str
    postgres_pid: int
    emulator: EmulatorAddress
    _made: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @contextmanager
    def database(self, template: str = APPLICATION) -> Iterator[str]:
        """The URL of a copy of a template, which is dropped in the end."""
        name = f"bench_{next(self._numbers)}"
        yield create_database(self.postgres_url, name, template=template)
        close_pools()
        drop_database(self.postgres_url, name)

    def template(self, name: str, fill: Callable[[str], None], template: str = APPLICATION) -> str:
        """A database called `name` that `fill` has filled, once, vacuumed: no measured work pays for that."""
        if name not in self._made:
            url = create_database(self.postgres_url, name, template=template)
            fill(url)
            close_pools()
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("VACUUM (ANALYZE)")
            self._made.add(name)
        return name

    def url(self, name: str) -> str:
        """The URL of a database."""
        return database_url(self.postgres_url, name)

    def transcripts(self, rows: int) -> str:
        """The project of a warehouse with that many transcript rows; filled by load jobs of 50,000 rows."""
        project = f"bench-{rows}"
        if project not in self._made:
            self._made.add(project)
            with closing(emulator_client(self.emulator.rest, project)) as client:
                client.create_dataset(DATASETS["gong"])
                fields = [bigquery.SchemaField(*column) for column in SOURCE_SCHEMAS["gong.transcript"].items()]
                path = f"{project}.{DATASETS['gong']}.transcript"
                client.create_table(bigquery.Table(path, schema=fields))
                calls = calls_of(rows)
                for first in range(0, calls, _CALLS_PER_LOAD):
                    _append(client, path, source_transcripts(range(first, min(first + _CALLS_PER_LOAD, calls))))
        return project

    def sample(self) -> str:
        """The project of a warehouse with the sample of 200 calls: every source table of all entities."""
        project = "bench-sample"
        if project not in self._made:
            self._made.add(project)
            with closing(emulator_client(self.emulator.rest, project)) as client:
                seed(client, DATASETS, sample_tables(200))
        return project

    def measure(self, task: Task) -> Cost:
        """Do a task, after a checkpoint: none of the writes before it are paid by it."""
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        return measure(task, self.postgres_pid, self.emulator.pid)


@contextmanager
def open_ends(folder: Path) -> Iterator[Ends]:
    """Start both servers in `folder`, and stop them in the end."""
    with ExitStack() as opened:
        opened.callback(stop_postgres, folder / "postgres")
        url = start_postgres(folder / "postgres")
        opened.callback(stop_emulator, folder / "bigquery")
        emulator = start_emulator(folder / "bigquery", memory=True, tied=True)
        opened.callback(close_pools)
        with psycopg.connect(create_database(url, APPLICATION)) as connection:
            connection.execute(files("call_coach_assets.local").joinpath("app_schema.sql").read_bytes())
        yield Ends(folder, url, postmaster_of(url), emulator)


def postmaster_of(url: str) -> int:
    """The process id of a Postgres on this machine: the parent of whoever serves a connection to it."""
    with psycopg.connect(url) as connection:
        status = Path(f"/proc/{connection.info.backend_pid}/stat").read_text()
    return int(status.rpartition(")")[2].split()[1])


def _append(client: bigquery.Client, path: str, rows: pa.Table) -> None:
    file = io.BytesIO()
    pq.write_table(rows, file)
    config = bigquery.LoadJobConfig(source_format=bigquery.SourceFormat.PARQUET, write_disposition="WRITE_APPEND")
    client.load_table_from_file(file, path, rewind=True, job_config=config).result()

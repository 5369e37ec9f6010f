"""Ways of loading finished rows of `transcripts` from memory: the bare COPY, which is the limit, and others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa

from call_coach_assets_bench.launch import Work
from call_coach_assets_bench.measure import Facts

COLUMNS = "id, call_id, speaker_id, sequence_number, start_time_ms, text, topics, chunk_metadata"
COPY_IN = f"COPY transcripts ({COLUMNS}) FROM STDIN"
_INSERT = f"INSERT INTO transcripts ({COLUMNS})"
_TYPED = (
    "id::uuid, call_id::uuid, speaker_id::uuid, sequence_number, start_time_ms, text, topics, chunk_metadata::jsonb"
)
_CHUNK = 1 << 18
_STAGING = "staging"


@contextmanager
def copy_binary(url: str, files: Sequence[str]) -> Iterator[Work]:
    """COPY in the binary format, of bytes that are ready: the limit. Each file has a connection of its own."""
    payloads = [memoryview(Path(file).read_bytes()) for file in files]
    with ExitStack() as opened, ThreadPoolExecutor(len(payloads)) as threads:
        connections = [opened.enter_context(psycopg.connect(url)) for _ in payloads]

        def work() -> Facts:
            for _ in threads.map(_copy, connections, payloads):
                pass
            return {}

        yield work


def _copy(connection: psycopg.Connection, payload: memoryview) -> None:
    with connection.cursor().copy(f"{COPY_IN} (FORMAT binary)") as copy:
        for start in range(0, len(payload), _CHUNK):
            copy.write(payload[start : start + _CHUNK])
    connection.commit()


@contextmanager
def copy_rows(url: str, file: str) -> Iterator[Work]:
    """psycopg's COPY of Python rows, as text."""
    rows = _tuples(file)
    with psycopg.connect(url) as connection:

        def work() -> Facts:
            with connection.cursor().copy(COPY_IN) as copy:
                for row in rows:
                    copy.write_row(row)
            connection.commit()
            return {}

        yield work


@contextmanager
def execute_batch(url: str, file: str) -> Iterator[Work]:
    """psycopg2's execute_batch with its pages of 100 statements."""
    run = import_module("psycopg2.extras").execute_batch
    statement = f"{_INSERT} VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
    with _psycopg2(url, file, lambda cursor, rows: run(cursor, statement, rows)) as work:
        yield work


@contextmanager
def execute_values(url: str, file: str) -> Iterator[Work]:
    """psycopg2's execute_values with pages of 1,000 rows."""
    run = import_module("psycopg2.extras").execute_values
    with _psycopg2(
        url, file, lambda cursor, rows: run(cursor, f"{_INSERT} VALUES %s", rows, page_size=1000)
    ) as work:  # fmt: skip
        yield work


@contextmanager
def adbc_staging(url: str, file: str) -> Iterator[Work]:
    """ADBC's ingest into a table of plain types, and INSERT … SELECT from there."""
    from adbc_driver_postgresql import dbapi

    rows = _arrow(file)
    with dbapi.connect(url) as connection, connection.cursor() as cursor:

        def work() -> Facts:
            cursor.adbc_ingest(_STAGING, rows, mode="create", temporary=True)
            cursor.execute(f"{_INSERT} SELECT {_TYPED} FROM {_STAGING}")  # noqa: S608 - constants
            connection.commit()
            return {}

        yield work


@contextmanager
def duckdb_postgres(url: str, file: str) -> Iterator[Work]:
    """DuckDB's extension for Postgres, where it is installed: nothing is downloaded."""
    with _duckdb() as connection:
        connection.register("incoming", _arrow(file))
        connection.execute(f"ATTACH '{url}' AS target (TYPE postgres)")

        def work() -> Facts:
            connection.execute(f"INSERT INTO target.transcripts ({COLUMNS}) SELECT {COLUMNS} FROM incoming")  # noqa: S608
            return {}

        yield work


def duckdb_can() -> bool:
    """Whether DuckDB has its extension for Postgres."""
    import duckdb

    try:
        with _duckdb():
            return True
    except duckdb.Error:
        return False


@contextmanager
def _duckdb() -> Iterator[Any]:
    import duckdb

    offline: dict[str, Any] = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    with duckdb.connect(config=offline) as connection:
        connection.execute("LOAD postgres")
        yield connection


@contextmanager
def _psycopg2(url: str, file: str, insert: Callable[[Any, list[tuple[Any, ...]]], object]) -> Iterator[Work]:
    rows = _tuples(file)
    connection = import_module("psycopg2").connect(url)
    try:

        def work() -> Facts:
            with connection, connection.cursor() as cursor:
                insert(cursor, rows)
            return {}

        yield work
    finally:
        connection.close()


def _arrow(file: str) -> pa.Table:
    with pa.OSFile(file) as opened:
        return pa.ipc.open_file(opened).read_all()


def _tuples(file: str) -> list[tuple[Any, ...]]:
    """The rows as Python has them; UUIDs and JSON as text."""
    columns = [column.to_pylist() for column in _arrow(file).columns]
    return list(zip(*columns, strict=True))

"""The files that dlt loads share an ADBC database, and no connection outlives its file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from adbc_driver_manager import dbapi
from dlt.destinations.impl.postgres.factory import get_adbc_driver_location
from dlt.destinations.impl.postgres.postgres import PostgresParquetCopyJob

from call_coach_assets.settings import read_settings
from call_coach_assets.sync.adbc_database import SharedDatabase
from call_coach_assets.sync.conform import conform
from call_coach_assets.sync.land import Reading, open_pipeline, source_for
from call_coach_assets_tests.sync.widgets import NOON, answer, widgets

_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND application_name NOT LIKE 'call-coach%'
"""


def _connect(url: str) -> dbapi.Connection:
    return dbapi.connect(driver=get_adbc_driver_location(), db_kwargs={"uri": url})


def _others(url: str) -> int:
    """How many connections there are to the database, but for this one and the pool's."""
    with psycopg.connect(url) as connection:
        (found,) = connection.execute(_OTHERS).fetchone() or (0,)
    return int(found)


def test_two_runs_of_a_process_open_one_database_and_leave_no_connection(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    connect = PostgresParquetCopyJob._connect

    def counted(job: PostgresParquetCopyJob) -> Any:
        opened.append(job.file_name())
        return connect(job)

    monkeypatch.setattr(PostgresParquetCopyJob, "_connect", counted)
    settings = read_settings(_env_file=None, DATABASE_URL=database)

    def read(_: datetime | None) -> Iterator[pa.RecordBatch]:
        yield conform(answer([NOON]), widgets())

    for _ in range(2):
        with open_pipeline(widgets(), settings) as pipeline:
            pipeline.run(source_for(widgets(), settings, Reading(read)))
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM call_coach_sync.inbox_widgets").fetchone() == (2,)
    assert len(opened) == 1
    assert _others(database) == 0


def test_connections_at_the_same_time_are_different_ones(database: str) -> None:
    shared = SharedDatabase()
    backend = "SELECT pg_backend_pid()"
    with shared.connection(lambda: _connect(database)) as one, shared.connection(lambda: _connect(database)) as other:
        with closing(one.execute(backend)) as first, closing(other.execute(backend)) as second:
            assert first.fetchall() != second.fetchall()
        assert _others(database) == 2
    assert _others(database) == 0


def test_a_database_that_could_not_be_opened_is_tried_again(database: str) -> None:
    shared = SharedDatabase()
    with (
        pytest.raises(dbapi.Error, match="nowhere"),
        shared.connection(lambda: _connect("postgresql://nowhere.invalid/x")),
    ):
        pass
    with shared.connection(lambda: _connect(database)) as lent, closing(lent.execute("SELECT 1")) as cursor:
        assert cursor.fetchone() == (1,)

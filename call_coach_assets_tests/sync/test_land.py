"""dlt keeps the cursor and the inbox's shape, from an empty folder every time."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from call_coach_assets.errors import SourceQuotaError, StorageError, TargetUnavailableError
from call_coach_assets.settings import Settings, read_settings
from call_coach_assets.sync.conform import conform, restrict_cursor
from call_coach_assets.sync.entity import ColumnType, Entity
from call_coach_assets.sync.inbox import prepare_inbox
from call_coach_assets.sync.land import Reading, open_pipeline, source_for
from call_coach_assets.sync.land_errors import translate
from call_coach_assets.sync.postgres import POOL_SIZE, pool_for
from call_coach_assets_tests.faults import FaultProxy
from call_coach_assets_tests.sync.widgets import NOON, answer, widgets

HOUR = timedelta(hours=1)
LATER = NOON + 100 * HOUR


@dataclass
class Source:
    """What the source holds, and since when it was asked for it."""

    stamps: Sequence[datetime | None]
    asked: list[datetime | None] = field(default_factory=list)
    error: BaseException | None = None
    entity: Entity = field(default_factory=widgets)

    def read(self, since: datetime | None) -> Iterator[pa.RecordBatch]:
        self.asked.append(since)
        wanted = [stamp for stamp in self.stamps if since is None or stamp is None or stamp >= since]
        for stamp in wanted:
            yield restrict_cursor(conform(answer([stamp]), self.entity), since, LATER)
        if self.error:
            raise self.error


def land(settings: Settings, source: Source) -> int:
    """Land what the source answers; return how many rows the inbox holds."""
    entity = source.entity
    with open_pipeline(entity, settings) as pipeline:
        dlt_source = source_for(entity, settings, Reading(source.read))
        prepare_inbox(pool_for(settings), entity, settings, pipeline, dlt_source)
        pipeline.run(dlt_source)
    return int(query(settings, f"SELECT count(*) FROM inbox_{entity.name}")[0][0])


def query(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("SET search_path = call_coach_sync, public")
        cursor = connection.execute(statement)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def settings(database: str) -> Settings:
    return read_settings(_env_file=None, DATABASE_URL=database, sync_retry_seconds=0)


@pytest.mark.covers("P5", "P6", "P7")
def test_a_later_run_reads_from_the_overlap_before_the_cursor(settings: Settings) -> None:
    source = Source([NOON - 5 * HOUR, NOON - HOUR, NOON])
    assert land(settings, source) == 3
    assert land(settings, source) == 5, "the overlap is closed: the row exactly an hour before is read again"
    source.stamps = [NOON, NOON, NOON + HOUR]
    assert land(settings, source) == 8
    assert land(settings, source) == 11, "two rows of the old cursor's stamp lie on the edge of the new overlap"
    assert source.asked == [None, NOON - HOUR, NOON - HOUR, NOON]


def test_rows_without_a_usable_stamp_pass_and_leave_the_cursor_alone(settings: Settings) -> None:
    land(settings, Source([NOON]))
    odd = Source([None, LATER + HOUR, None])
    assert land(settings, odd) == 4
    assert land(settings, source := Source([])) == 4, "a run without rows lands nothing"
    assert source.asked == [NOON - HOUR]
    loads = query(settings, "SELECT count(*), count(DISTINCT _dlt_load_id), count(_cursor) FROM inbox_widgets")
    assert loads == [(4, 2, 1)]


def test_stamps_all_alike_leave_a_small_state(settings: Settings) -> None:
    no_overlap = settings.model_copy(update={"sync_overlap_minutes": 0})
    source = Source([NOON] * 300)
    assert land(no_overlap, source) == 300
    assert land(no_overlap, source) == 600, "without an overlap the newest stamp is still read again"
    (size,) = query(settings, "SELECT max(length(state)) FROM _dlt_pipeline_state")[0]
    assert size < 1000


@pytest.mark.covers("P30")
def test_a_lost_state_or_schema_means_a_first_run_again(settings: Settings) -> None:
    source = Source([NOON - 5 * HOUR, NOON])
    land(settings, source)
    query(settings, "DROP TABLE _dlt_pipeline_state")
    assert land(settings, source) == 4
    query(settings, "DROP TABLE inbox_widgets")
    assert land(settings, source) == 1, "the state is still there, so only the overlap is read"
    query(settings, "DROP SCHEMA call_coach_sync CASCADE")
    assert land(settings, source) == 2
    assert source.asked == [None, None, NOON - HOUR, None]


@pytest.mark.covers("P7")
def test_a_run_that_fails_midway_keeps_nothing_and_moves_nothing(settings: Settings) -> None:
    land(settings, Source([NOON]))
    error = SourceQuotaError("Reading widgets", why="too many")
    broken = Source([NOON + HOUR, NOON + 2 * HOUR], error=error)
    with pytest.raises(Exception, match="too many") as raised:
        land(settings, broken)
    assert translate(raised.value, "widgets") is error
    assert land(settings, source := Source([])) == 1
    assert source.asked == [NOON - HOUR]


@pytest.mark.covers("P24")
def test_first_runs_may_start_all_at_once(settings: Settings) -> None:
    many = POOL_SIZE + 2
    entities = [widgets(f"widgets_{number}") for number in range(many)]
    with ThreadPoolExecutor(many) as pool:
        landed = list(pool.map(lambda entity: land(settings, Source([NOON, None], entity=entity)), entities))
    assert landed == [2] * many
    assert query(settings, "SELECT count(*), count(DISTINCT schema_name) FROM _dlt_loads") == [(many, many)]


def test_a_new_inbox_is_not_vacuumed_during_a_backfill_and_an_old_one_is_left_as_it_is(settings: Settings) -> None:
    options = "SELECT reloptions FROM pg_class WHERE relname = 'inbox_widgets'"
    source = Source([NOON])
    assert land(settings, source) == 1
    assert "autovacuum_vacuum_threshold=1000000" in query(settings, options)[0][0]
    query(settings, "ALTER TABLE inbox_widgets RESET (autovacuum_vacuum_threshold)")
    query(settings, "DROP TABLE _dlt_version")
    land(settings, source)
    assert "autovacuum_vacuum_threshold" not in str(query(settings, options))


@pytest.mark.covers("P31")
def test_a_changed_declaration_changes_the_inbox_and_keeps_what_waits_in_it(settings: Settings) -> None:
    before = widgets(types={"a_text": ColumnType.TEXT, "a_integer": ColumnType.INTEGER})
    land(settings, Source([NOON], entity=before))
    query(settings, "UPDATE inbox_widgets SET a_integer = 7")
    after = widgets(types={"a_text": ColumnType.TEXT, "a_integer": ColumnType.TEXT, "a_date": ColumnType.DATE})
    assert land(settings, Source([NOON], entity=after)) == 2
    rows = query(settings, "SELECT a_integer, a_date FROM inbox_widgets ORDER BY _dlt_load_id")
    assert rows == [("7", None), (None, None)]


def test_values_arrive_as_they_were_read(settings: Settings) -> None:
    entity = widgets()

    def read(_: datetime | None) -> Iterator[pa.RecordBatch]:
        columns = {"a_integer": [-5], "a_boolean": [True], "a_date": ["0001-01-01"], "a_json": ['{"ä": 1}']}
        yield conform(answer([NOON], **columns), entity)

    with open_pipeline(entity, settings) as pipeline:
        pipeline.run(source_for(entity, settings, Reading(read)))
    columns = "a_integer, a_boolean, a_date::text, a_json, a_decimal, _cursor"
    (row,) = query(settings, f"SELECT {columns} FROM inbox_widgets")
    assert row == (-5, True, "0001-01-01", '{"ä": 1}', None, NOON)


@pytest.mark.covers("P26")
def test_a_cut_connection_and_a_full_disk_are_told_apart(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    land(settings, Source([NOON]))
    with FaultProxy.before_postgres(settings.database_url) as proxy:
        broken = read_settings(_env_file=None, DATABASE_URL=proxy.postgres_url(settings.database_url))
        proxy.cut(when=b"COPY")
        with pytest.raises(Exception, match=r"COPY|connection|closed") as raised:
            land(broken, Source([NOON]))
    assert isinstance(translate(raised.value, "widgets"), TargetUnavailableError)
    full = Source([NOON + HOUR], error=OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(Exception, match="No space left") as raised:
        land(settings, full)
    assert isinstance(translate(raised.value, "widgets"), StorageError)


def test_an_interrupt_stays_an_interrupt(settings: Settings) -> None:
    with pytest.raises(Exception, match="extract") as raised:
        land(settings, Source([NOON], error=KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        translate(raised.value, "widgets")

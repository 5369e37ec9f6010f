"""One part of a backfill: what it moves, which rows it holds, and which version of a row it publishes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from call_coach_assets.settings import read_settings
from call_coach_assets.sync.conform import conform
from call_coach_assets.sync.inbox import prepare_inbox
from call_coach_assets.sync.land import Reading, open_pipeline, source_for
from call_coach_assets.sync.landed_keys import LandedKeys, look
from call_coach_assets.sync.postgres import pool_for
from call_coach_assets.sync.publish import RunInfo, publish_slice
from call_coach_assets.sync.slices import slices_of_load
from call_coach_assets_tests.sync.inbox import ENTITIES, Inbox, call, line
from call_coach_assets_tests.sync.widgets import NOON, answer, widgets

HOUR = timedelta(hours=1)


@pytest.mark.covers("P7")
def test_the_cursor_moves_with_the_last_part_past_all_that_was_read(database: str) -> None:
    settings = read_settings(_env_file=None, DATABASE_URL=database, sync_retry_seconds=0)
    entity = widgets()
    stamps = [NOON + 9 * HOUR, NOON, NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR]
    asked: list[datetime | None] = []

    def read(since: datetime | None) -> Iterator[pa.RecordBatch]:
        asked.append(since)
        yield from (conform(answer([stamp]), entity) for stamp in stamps)

    def land(runs: int) -> Reading:
        with open_pipeline(entity, settings) as pipeline:
            reading = Reading(read, 2)
            prepare_inbox(pool_for(settings), entity, settings, pipeline, source_for(entity, settings, reading))
            for _ in range(runs):
                pipeline.run(source_for(entity, settings, reading))
            return reading

    assert land(2).more
    assert not land(3).more
    assert asked == [None, None], "two parts of three move nothing"
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT count(*) FROM call_coach_sync.inbox_widgets").fetchone()
    assert rows == (1 + 2 + 5,)
    land(1)
    assert asked[2] == NOON + 8 * HOUR, "the newest of all parts, less the overlap"


def test_a_part_in_which_a_key_came_twice_is_published_as_one() -> None:
    schema = pa.schema({"call": pa.string(), "place": pa.int64()})

    def keys(*rows: tuple[str | None, int]) -> LandedKeys:
        named = [{"call": name, "place": place} for name, place in rows]
        return look([pa.RecordBatch.from_pylist(named[:1], schema), pa.RecordBatch.from_pylist(named[1:], schema)])

    assert keys(("a", 1), ("a", 2), ("b", 1)) == LandedKeys(once=True, complete=True)
    assert keys(("a", 1), ("a", 2), ("a", 1)) == LandedKeys(once=False, complete=True)
    assert keys(("a", 1), (None, 2), (None, 2)) == LandedKeys(once=True, complete=False)
    assert look([]) == LandedKeys(once=True, complete=True)


@pytest.mark.parametrize(
    ("numbers", "part_rows", "settled"),
    [
        ([1, 2, 3], 100, True),
        ([1, 2, 1], 100, False),
        ([1, None, 3], 100, False),
        ([1, 2, 3], 2, False),
        ([1, 2, 3], None, False),
    ],
    ids=["each key once", "a key twice", "no key", "one part of several", "beside what an earlier sync left"],
)
def test_only_a_single_part_that_has_each_key_once_needs_no_look_for_versions(
    numbers: list[int | None], part_rows: int | None, settled: bool
) -> None:
    batches = [pa.record_batch({"number": pa.array([number], pa.int64())}) for number in numbers]
    reading = Reading(lambda _: iter(batches), part_rows, key=("number",))
    assert not reading.settled
    assert list(reading.part(None))
    while reading.more:
        assert not reading.settled
        assert list(reading.part(None))
    assert reading.settled is settled


@pytest.mark.parametrize("keys", [LandedKeys(once=True, complete=True), LandedKeys(once=False, complete=True)])
def test_a_part_is_published_without_what_another_load_brought(inbox: Inbox, keys: LandedKeys) -> None:
    inbox.sync("calls", call(1))
    load = inbox.land("transcripts", line(1, 0), line(1, 1))
    inbox.land("transcripts", line(1, 2), line(1, 3), minutes=9)
    assert _publish_part(inbox, load, keys) == 2
    assert inbox.rows("SELECT sequence_number FROM transcripts ORDER BY 1") == [0, 1]
    assert inbox.rows("SELECT sequence_number FROM sync.inbox_transcripts ORDER BY 1") == [2, 3]


def test_of_two_versions_that_one_part_brings_the_newer_is_published(inbox: Inbox) -> None:
    inbox.sync("calls", call(1))
    load = inbox.land("transcripts", line(1, 0, text="new"), minutes=5)
    inbox.land("transcripts", line(1, 0, text="old"), line(1, 1), load=load)
    assert _publish_part(inbox, load, LandedKeys(once=False, complete=True)) == 2
    assert inbox.rows("SELECT text FROM transcripts WHERE sequence_number = 0") == ["new"]


def _publish_part(inbox: Inbox, load: str, keys: LandedKeys) -> int:
    """Publish what came with a load; return how many rows were inserted."""
    pool, entity, run = pool_for(inbox.settings), ENTITIES["transcripts"], RunInfo(run_id="part", load_ids=(load,))
    parts = slices_of_load(pool, entity, inbox.settings, load, keys)
    return sum(publish_slice(pool, entity, ENTITIES, inbox.settings, run, part=part).inserted for part in parts)


@pytest.mark.parametrize("once", [True, False], ids=["by pages", "by load"])
def test_a_load_that_postgres_has_no_statistics_of_is_not_taken_for_a_single_row(inbox: Inbox, once: bool) -> None:
    table, keys = inbox.table("transcripts"), LandedKeys(once=once, complete=True)
    inbox.land("transcripts", *(line(1, place) for place in range(100)))
    inbox.connection.execute(sql.SQL("ANALYZE {}").format(table))
    load = inbox.land("transcripts", *(line(2, place) for place in range(100)))
    parts = slices_of_load(pool_for(inbox.settings), ENTITIES["transcripts"], inbox.settings, load, keys)
    assert parts
    for part in parts:
        look_up = sql.SQL("EXPLAIN (FORMAT JSON) SELECT FROM {} i WHERE {}").format(table, part.holds("i"))
        (plan,) = inbox.connection.execute(look_up).fetchone() or (None,)
        assert plan[0]["Plan"]["Plan Rows"] > 10, "a nested loop would join a single row, a hundred thousand times"

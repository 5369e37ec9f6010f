"""Loads that are published while the one before is: only where no key is in both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from call_coach_assets.sync.ahead import Ahead
from call_coach_assets.sync.landed_keys import LandedKeys
from call_coach_assets.sync.postgres import pool_for
from call_coach_assets.sync.publish import RunInfo
from call_coach_assets.sync.slices import CONNECTIONS, slices_of_load
from call_coach_assets_tests.sync.inbox import ENTITIES, Inbox, call, line

PATIENCE = 30.0  # seconds
A_MOMENT = 0.5
_HELD_UP = """
CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END $$;
CREATE TRIGGER holds_up BEFORE INSERT ON transcripts FOR EACH ROW WHEN (NEW.text = 'slow') EXECUTE FUNCTION hold_up()
"""


@pytest.fixture
def inbox(inbox: Inbox) -> Inbox:
    """One call; a line whose text is `slow` is not inserted while somebody holds the advisory lock 7."""
    inbox.sync("calls", call(1))
    inbox.run(_HELD_UP)
    return inbox


@contextmanager
def _hold_up(inbox: Inbox) -> Iterator[None]:
    with psycopg.connect(inbox.url) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(7)")
        yield


def _ahead(inbox: Inbox) -> Ahead:
    run = RunInfo(run_id="backfill", query_sha256="f" * 64, query="SELECT 1")
    return Ahead(pool_for(inbox.settings), ENTITIES["transcripts"], ENTITIES, inbox.settings, run)


def _keys(*places: int) -> Sequence[pa.RecordBatch]:
    rows = [{"gong_call_id": "1", "sequence_number": place} for place in places]
    return [pa.RecordBatch.from_pylist(rows)]


def _texts(inbox: Inbox) -> list[str]:
    return inbox.rows("SELECT text FROM transcripts ORDER BY sequence_number")


@pytest.mark.covers("P33")
def test_a_load_is_begun_with_while_the_one_before_is_under_way(inbox: Inbox) -> None:
    first = inbox.land("transcripts", line(1, 0, text="slow"))
    second = inbox.land("transcripts", line(1, 1, text="quick"))
    with closing(_ahead(inbox)) as ahead:
        with _hold_up(inbox):
            ahead.publish([first], _keys(0), last=False)
            ahead.publish([second], _keys(1), last=True)
            done = ahead._begun[-1]
            assert [each.result(PATIENCE).inserted for each in done] == [1]
            assert _texts(inbox) == ["quick"]
        assert sum(each.inserted for each in ahead.done()) == 2
    assert _texts(inbox) == ["slow", "quick"]
    assert inbox.rows("SELECT text FROM sync.queries") == ["SELECT 1"]


@pytest.mark.covers("P33")
@pytest.mark.parametrize(
    ("loads", "why"),
    [([[0], [0]], "a key is in both"), ([[0], [1], [2]], "two loads are under way")],
    ids=["a key twice", "a third load"],
)
def test_a_load_is_not_begun_with_before_it_can_be(inbox: Inbox, loads: list[list[int]], why: str) -> None:
    landed = [inbox.land("transcripts", line(1, place, text="slow"), minutes=place) for (place,) in loads[:-1]]
    landed.append(inbox.land("transcripts", line(1, *loads[-1], text="new"), minutes=9))
    with closing(_ahead(inbox)) as ahead, ThreadPoolExecutor(1) as thread:
        with _hold_up(inbox):
            for load, places in zip(landed[:-1], loads[:-1], strict=True):
                ahead.publish([load], _keys(*places), last=False)
            begun: Future[None] = thread.submit(ahead.publish, [landed[-1]], _keys(*loads[-1]), last=True)
            assert wait([begun], A_MOMENT).not_done, why
        begun.result(PATIENCE)
        ahead.done()
    assert _texts(inbox)[-1] == "new"
    assert inbox.rows("SELECT count(*) FROM sync.inbox_transcripts") == [0]


def test_the_slices_of_the_last_load_become_smaller_to_the_end(inbox: Inbox) -> None:
    load = inbox.land("transcripts", *(line(1, place, text="word " * 300) for place in range(200)))
    keys = LandedKeys(once=True, complete=True)

    def rows(*, last: bool) -> list[int]:
        pool = pool_for(inbox.settings)
        parts = slices_of_load(pool, ENTITIES["transcripts"], inbox.settings, load, keys, last=last)
        counting = "SELECT count(*) FROM {} i WHERE {}"
        table = inbox.table("transcripts")
        found = (inbox.connection.execute(sql.SQL(counting).format(table, part.holds("i"))) for part in parts)
        return [int((each.fetchone() or (0,))[0]) for each in found]

    even, shrinking = rows(last=False), rows(last=True)
    assert sum(even) == sum(shrinking) == 200
    assert len(even) == CONNECTIONS
    assert max(even) - min(even) <= 10
    assert len(shrinking) == 6
    assert shrinking[0] > 50
    assert max(shrinking[-2:]) < 20

"""A large inbox is emptied at once when all of it is published, and costs the next sync nothing."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from call_coach_assets.errors import TargetError
from call_coach_assets.sync import waiting
from call_coach_assets.sync.postgres import pool_for
from call_coach_assets.sync.publish import RunInfo, publish_slice
from call_coach_assets.sync.slices import KeySlice
from call_coach_assets_tests.sync.inbox import ENTITIES, Inbox, call, line

ROWS = 14_000  # of 750 bytes: more than eight megabytes
PAGE = 8192  # bytes
_MANY = f"""
INSERT INTO sync.inbox_transcripts (gong_call_id, sequence_number, text, _changed_at, _cursor, _deleted, _dlt_load_id)
SELECT 'gone', n, repeat('word ', 150), now(), now(), true, '1740000000.5' FROM generate_series(1, {ROWS}) n
"""


@pytest.fixture
def inbox(inbox: Inbox) -> Inbox:
    inbox.run(_MANY)
    return inbox


def _left(inbox: Inbox) -> tuple[int, bool]:
    """How many rows the inbox has, and whether its file has any page."""
    (found,) = inbox.rows("SELECT count(*), pg_relation_size('sync.inbox_transcripts') > 0 FROM sync.inbox_transcripts")
    return (found[0], found[1])


def test_an_inbox_that_was_published_whole_gives_its_file_back(inbox: Inbox) -> None:
    assert _left(inbox) == (ROWS, True)
    inbox.publish("transcripts")
    assert _left(inbox) == (0, False)
    inbox.sync("transcripts", line("gone", 1, _deleted=True))
    assert _left(inbox) == (0, True), "a small one is not worth it"


def test_what_waits_is_put_back_into_a_large_inbox(inbox: Inbox) -> None:
    assert inbox.sync("transcripts", line("unknown", 0, text="kept")).waiting == 1
    assert inbox.rows("SELECT gong_call_id, text FROM sync.inbox_transcripts") == [("unknown", "kept")]
    assert inbox.rows("SELECT pg_relation_size('sync.inbox_transcripts')") == [PAGE]
    inbox.sync("calls", call("unknown"))
    assert inbox.sync("transcripts").inserted == 1


def test_where_much_waits_it_is_not_written_once_more(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_FEW", 1)
    assert inbox.sync("transcripts", line("unknown", 0), line("unknown", 1)).waiting == 2
    assert _left(inbox) == (2, True)
    assert inbox.rows("SELECT pg_relation_size('sync.inbox_transcripts') > %s", PAGE) == [True]


def _publish_slice(inbox: Inbox, part: KeySlice) -> None:
    pool, run = pool_for(inbox.settings), RunInfo(run_id="part")
    publish_slice(pool, ENTITIES["transcripts"], ENTITIES, inbox.settings, run, part=part)


def test_a_slice_without_rows_leaves_those_of_the_others_in_a_large_inbox(inbox: Inbox) -> None:
    halves = [KeySlice("gong_call_id", place, 2) for place in range(2)]
    count = sql.SQL("SELECT count(*) FROM {} i WHERE {}")
    held = [inbox.connection.execute(count.format(inbox.table("transcripts"), half.holds("i"))) for half in halves]
    (empty,) = [half for half, found in zip(halves, held, strict=True) if found.fetchone() == (0,)]
    _publish_slice(inbox, empty)
    assert _left(inbox) == (ROWS, True)


def test_a_slice_deletes_its_own_rows_and_leaves_the_file_to_the_end(inbox: Inbox) -> None:
    _publish_slice(inbox, KeySlice("gong_call_id", 0, 1))
    assert _left(inbox) == (0, True)


def test_somebody_who_reads_the_inbox_is_not_waited_for(inbox: Inbox) -> None:
    with psycopg.connect(inbox.url) as reader:
        reader.execute(f"SELECT FROM {inbox.schema}.inbox_transcripts LIMIT 1".encode())
        inbox.publish("transcripts")
        assert _left(inbox) == (0, True)


def test_a_publish_that_fails_after_it_has_emptied_the_inbox_leaves_it_full(inbox: Inbox) -> None:
    inbox.run(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$;"
        " CREATE TRIGGER fails BEFORE INSERT ON sync_status FOR EACH ROW EXECUTE FUNCTION fail()"
    )
    with pytest.raises(TargetError, match="no space left"):
        inbox.publish("transcripts")
    assert _left(inbox) == (ROWS, True)

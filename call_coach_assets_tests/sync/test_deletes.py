"""What a deletion at the source takes away, and what it never touches."""

from __future__ import annotations

from typing import Any

import pytest

from call_coach_assets_tests.sync.inbox import Inbox, call, deal, email, line, pair, speaker

SESSION = (
    "INSERT INTO coaching_sessions (call_id, rep_id, coaching_dimension, session_type, analyst)"
    " SELECT c.id, s.id, 'd', 't', 'a' FROM calls c, speakers s JOIN sync.speakers_rows r ON r.id = s.id"
    " WHERE c.gong_call_id = %s AND r.gong_speaker_id = %s"
)
GONE: dict[str, Any] = {"_deleted": True}


@pytest.fixture
def inbox(inbox: Inbox) -> Inbox:
    inbox.sync("calls", *(call(n) for n in range(1, 6)))
    inbox.sync("speakers", *(speaker(n, f"s{n}") for n in range(1, 6)), speaker(1, "other"))
    inbox.sync("transcripts", *(line(n, 0, gong_speaker_id=f"s{n}") for n in range(1, 6)))
    inbox.sync("opportunities", deal("a"), deal("b"))
    inbox.sync("emails", email("m", gong_opportunity_id="a"), email("n", gong_opportunity_id="b"))
    inbox.sync("call_opportunities", pair(1, "a"), pair(1, "b"), pair(2, "a"))
    return inbox


def calls_of(inbox: Inbox, table: str) -> list[Any]:
    return inbox.rows(f"SELECT c.gong_call_id FROM {table} t JOIN calls c ON c.id = t.call_id ORDER BY 1")


def test_a_deleted_call_goes_with_its_children_and_their_bookkeeping(inbox: Inbox) -> None:
    done = inbox.sync("calls", call(1, **GONE), call(9, **GONE))
    assert (done.deleted, done.updated, done.inserted, done.dead_lettered) == (1, 0, 0, 0)
    assert calls_of(inbox, "transcripts") == ["2", "3", "4", "5"]
    assert calls_of(inbox, "call_opportunities") == ["2"]
    for entity, left in {"calls": 4, "speakers": 4, "transcripts": 4, "call_opportunities": 1}.items():
        assert inbox.rows(f"SELECT count(*) FROM sync.{entity}_rows") == [left], entity
    assert inbox.rows("SELECT key FROM sync.tombstones ORDER BY key") == ["1", "9"]
    assert inbox.sync("calls", call(1, **GONE)).deleted == 0


def test_children_of_a_deleted_call_do_not_wait_and_come_back_with_it(inbox: Inbox) -> None:
    inbox.sync("calls", call(1, **GONE))
    late = inbox.sync("transcripts", line(1, 0), line(1, 7), line(8, 0))
    assert (late.waiting, late.inserted, late.dead_lettered) == (1, 0, 0)
    assert inbox.sync("call_opportunities", pair(1, "a")).waiting == 0
    back = inbox.sync("calls", call(1))
    assert back.inserted == 1
    assert inbox.rows("SELECT key FROM sync.tombstones") == []
    again = {"speakers", "transcripts", "call_opportunities"}
    assert {entity: [(r.column, r.key) for r in inbox.refetch(entity)] for entity in again} == {
        entity: [("gong_call_id", "1")] for entity in again
    }


@pytest.mark.covers("P31")
def test_rows_on_which_the_application_hangs_its_own_stay_and_say_so(inbox: Inbox) -> None:
    inbox.run(SESSION, "1", "s1")  # on the call
    inbox.run(SESSION, "5", "s2")  # on a speaker of call 2, whose deletion call 2's would cascade to
    inbox.run(
        "INSERT INTO speaker_role_history (speaker_id, changed_by)"
        " SELECT id, 'm' FROM sync.speakers_rows WHERE gong_speaker_id = 's3'"
    )
    done = inbox.sync("calls", *(call(n, **GONE) for n in (1, 2, 3, 4)))
    assert (done.deleted, done.updated) == (1, 3)
    kept = "SELECT gong_call_id FROM calls WHERE metadata ? 'source_deleted_at' ORDER BY 1"
    assert inbox.rows(kept) == ["1", "2", "3"]
    assert inbox.rows("SELECT key FROM sync.tombstones") == ["4"]
    assert inbox.rows("SELECT count(*) FROM coaching_sessions") == [2]
    before = inbox.versions("calls")
    again = inbox.sync("calls", *(call(n, **GONE) for n in (1, 2, 3, 4)))
    assert (again.deleted, again.updated, again.inserted) == (0, 0, 0)
    assert inbox.versions("calls") == before
    assert inbox.sync("calls", call(1)).updated == 1
    assert inbox.rows(kept) == ["2", "3"]


def test_a_speaker_that_stays_is_marked_in_the_bookkeeping_until_it_comes_back(inbox: Inbox) -> None:
    inbox.run(SESSION, "1", "s1")
    marked = "SELECT gong_speaker_id FROM sync.speakers_rows WHERE source_deleted_at IS NOT NULL"
    done = inbox.sync("speakers", speaker(1, "s1", **GONE), speaker(1, "other", **GONE))
    assert (done.deleted, inbox.rows(marked)) == (1, ["s1"])
    versions = inbox.versions("sync.speakers_rows")
    inbox.sync("speakers", speaker(1, "s1", **GONE))
    assert inbox.versions("sync.speakers_rows") == versions
    assert inbox.sync("speakers", speaker(1, "s1")).unchanged == 1
    assert inbox.rows(marked) == []


def test_a_deleted_speaker_leaves_its_lines_which_find_it_again(inbox: Inbox) -> None:
    spoken = "SELECT count(speaker_id) FROM transcripts"
    inbox.sync("speakers", speaker(2, "s2", **GONE))
    assert (inbox.rows(spoken), inbox.rows("SELECT count(*) FROM transcripts")) == ([4], [5])
    assert inbox.rows("SELECT column_name, parent_key FROM sync.unlinked") == [("speaker_id", ["2", "s2"])]
    inbox.sync("speakers", speaker(2, "s2"))
    assert inbox.publish("transcripts").updated == 1
    assert (inbox.rows(spoken), inbox.rows("SELECT count(*) FROM sync.unlinked")) == ([5], [0])


@pytest.mark.covers("E2", "O6")
def test_a_deleted_opportunity_leaves_its_emails_and_takes_its_pairs(inbox: Inbox) -> None:
    linked = "SELECT gong_email_id FROM emails WHERE opportunity_id IS NOT NULL ORDER BY 1"
    assert inbox.sync("opportunities", deal("a", **GONE)).deleted == 1
    assert (inbox.rows(linked), inbox.rows("SELECT count(*) FROM emails")) == (["n"], [2])
    assert calls_of(inbox, "call_opportunities") == ["1"]
    assert inbox.sync("call_opportunities", pair(3, "a"), pair(1, "a"), pair(1, "b")).waiting == 0
    inbox.sync("opportunities", deal("a"))
    assert sorted((r.column, r.key) for r in inbox.refetch("call_opportunities")) == [
        ("gong_call_id", "1"),
        ("gong_call_id", "2"),
        ("gong_call_id", "3"),
    ]
    assert inbox.publish("emails").updated == 1
    assert inbox.rows(linked) == ["m", "n"]


def test_tables_of_the_application_protect_whatever_their_shape(inbox: Inbox) -> None:
    inbox.run("ALTER TABLE transcripts ADD CONSTRAINT place UNIQUE (call_id, sequence_number)")
    inbox.run(
        "CREATE TABLE notes (c uuid, n int, at date,"
        " FOREIGN KEY (c, n) REFERENCES transcripts (call_id, sequence_number) ON DELETE CASCADE)"
        " PARTITION BY RANGE (at); CREATE TABLE notes_rest PARTITION OF notes DEFAULT;"
        "CREATE TABLE pins (pair_call uuid, pair_deal uuid, FOREIGN KEY (pair_call, pair_deal)"
        " REFERENCES call_opportunities ON DELETE SET NULL); CREATE SCHEMA other;"
        "CREATE TABLE other.stars (email uuid REFERENCES emails)"
    )
    inbox.run("INSERT INTO notes SELECT id, 0, now() FROM calls WHERE gong_call_id = '4'")
    inbox.run(
        "INSERT INTO pins SELECT call_id, opportunity_id FROM call_opportunities"
        " JOIN calls c ON c.id = call_id WHERE gong_call_id = '2'"
    )
    inbox.run("INSERT INTO other.stars SELECT id FROM emails WHERE gong_email_id = 'm'")
    assert inbox.sync("calls", *(call(n, **GONE) for n in range(1, 6))).deleted == 3
    assert inbox.rows("SELECT gong_call_id FROM calls ORDER BY 1") == ["2", "4"]
    assert inbox.sync("transcripts", line(4, 0, **GONE), line(2, 0, **GONE)).deleted == 1
    assert inbox.rows("SELECT count(*) FROM sync.transcripts_rows WHERE source_deleted_at IS NOT NULL") == [1]
    assert inbox.sync("call_opportunities", pair(2, None)).deleted == 0
    assert inbox.sync("opportunities", deal("a", **GONE), deal("b", **GONE)).deleted == 1
    assert inbox.sync("emails", email("m", **GONE), email("n", **GONE)).deleted == 1
    assert inbox.rows("SELECT gong_email_id, metadata ? 'source_deleted_at' FROM emails") == [("m", True)]


def test_what_has_no_key_and_is_deleted_leaves_no_trace(inbox: Inbox) -> None:
    done = inbox.sync("calls", call("x", gong_call_id=None, **GONE), call(1, _rejected="no title", **GONE))
    assert (done.dead_lettered, done.deleted, done.waiting) == (0, 1, 0)

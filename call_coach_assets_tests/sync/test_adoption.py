"""Rows of an older importer, links that come late, and bookkeeping that is lost: each row is found, none is doubled."""

from __future__ import annotations

import pytest

from call_coach_assets_tests.sync.inbox import Inbox, call, deal, email, line, speaker


@pytest.mark.covers("S6", "P30", "P31")
def test_rows_of_an_older_importer_keep_their_ids_and_what_the_application_wrote(inbox: Inbox) -> None:
    inbox.run("INSERT INTO calls (gong_call_id, product) VALUES ('1', 'mine')")
    inbox.run("INSERT INTO opportunities (gong_opportunity_id, name) VALUES ('d', 'old')")
    inbox.run("INSERT INTO emails (gong_email_id) VALUES ('e')")
    ids = {table: inbox.rows(f"SELECT id FROM {table}") for table in ("calls", "opportunities", "emails")}
    assert inbox.sync("calls", call(1, title="T")).updated == 1
    assert inbox.sync("opportunities", deal("d")).updated == 1
    assert inbox.sync("emails", email("e")).updated == 1
    assert {table: inbox.rows(f"SELECT id FROM {table}") for table in ids} == ids
    assert inbox.rows("SELECT title, product FROM calls") == [("T", "mine")]


@pytest.mark.covers("S6", "P30")
def test_speakers_are_adopted_by_call_and_address_each_once(inbox: Inbox) -> None:
    inbox.sync("calls", call(1), call(2))
    add = (
        "INSERT INTO speakers (call_id, name, email, role) SELECT id, %s, %s, 'ae' FROM calls WHERE gong_call_id = '1'"
    )
    for name, address in (("x", "Jo@X.io"), ("y", "jo@x.io"), ("z", None)):
        inbox.run(add, name, address)
    old = set(inbox.rows("SELECT id FROM speakers WHERE email IS NOT NULL"))
    rows = [speaker(1, key, email="jo@x.IO") for key in "abc"] + [speaker(1, "n"), speaker(2, "a", email="jo@x.io")]
    done = inbox.sync("speakers", *rows)
    assert (done.updated, done.inserted) == (2, 3)
    adopted = set(
        inbox.rows("SELECT id FROM sync.speakers_rows WHERE gong_call_id = '1' AND gong_speaker_id IN ('a', 'b')")
    )
    assert adopted == old
    assert inbox.rows("SELECT count(*) FROM speakers WHERE role = 'ae'") == [3]
    moved = inbox.sync("speakers", speaker(1, "a", email="new@x.io"))
    assert (moved.updated, moved.inserted) == (1, 0)
    ids = inbox.rows("SELECT id FROM speakers ORDER BY id")
    inbox.run("TRUNCATE sync.speakers_rows")
    again = inbox.sync("speakers", speaker(1, "a", email="new@x.io"), *rows[1:])
    assert (again.inserted, again.updated, inbox.rows("SELECT id FROM speakers ORDER BY id")) == (0, 0, ids)


@pytest.mark.covers("S6", "P30")
def test_of_several_older_lines_one_stays_unless_something_hangs_on_the_others(inbox: Inbox) -> None:
    inbox.sync("calls", call(1))
    add = (
        "INSERT INTO transcripts (id, call_id, sequence_number, text, sentiment)"
        " SELECT %s::uuid, id, %s, 'words', %s FROM calls"
    )
    for place, (number, sentiment) in enumerate([(0, None), (0, None), (1, None), (1, "good"), (2, None), (2, None)]):
        inbox.run(add, f"00000000-0000-0000-0000-00000000000{place}", number, sentiment)
    inbox.run("CREATE TABLE marks (line uuid REFERENCES transcripts ON DELETE CASCADE)")
    inbox.run("INSERT INTO marks VALUES ('00000000-0000-0000-0000-000000000005')")
    done = inbox.sync("transcripts", line(1, 0), line(1, 1), line(1, 2))
    assert (done.updated, done.deleted, done.inserted) == (3, 2, 0)
    assert [str(found)[-1] for found in inbox.rows("SELECT id FROM transcripts ORDER BY id")] == ["0", "3", "4", "5"]
    assert inbox.sync("transcripts", line(1, 0), line(1, 1), line(1, 2)).unchanged == 3


@pytest.mark.covers("P30")
def test_lost_bookkeeping_and_deleted_rows_come_back_under_the_same_ids(inbox: Inbox) -> None:
    def fill() -> list[object]:
        inbox.sync("calls", call(1))
        inbox.sync("speakers", speaker(1, "a"), speaker(1, "b"))
        inbox.sync("transcripts", line(1, 0, gong_speaker_id="a"))
        return inbox.rows(
            "SELECT id FROM calls UNION ALL SELECT id FROM speakers UNION ALL SELECT id FROM transcripts ORDER BY 1"
        )

    ids = fill()
    inbox.run("TRUNCATE sync.speakers_rows, sync.calls_rows, sync.transcripts_rows")
    assert fill() == ids
    assert inbox.rows("SELECT count(*) FROM sync.speakers_rows") == [2]
    inbox.run("DELETE FROM calls")
    assert fill() == ids
    inbox.run("UPDATE sync.speakers_rows SET id = gen_random_uuid()")
    inbox.run("DELETE FROM speakers")
    inbox.sync("speakers", speaker(1, "a"), speaker(1, "b"))
    assert inbox.rows("SELECT count(*) FROM speakers JOIN sync.speakers_rows USING (id)") == [2]


@pytest.mark.covers("E2")
def test_an_email_is_linked_when_its_opportunity_arrives_and_follows_it(inbox: Inbox) -> None:
    linked = (
        "SELECT gong_email_id, gong_opportunity_id FROM emails"
        " LEFT JOIN opportunities o ON o.id = opportunity_id ORDER BY 1"
    )
    first = inbox.sync("emails", email("1", gong_opportunity_id="a"), email("2", gong_opportunity_id="b"), email("3"))
    assert (first.inserted, first.waiting, first.dead_lettered) == (3, 0, 0)
    inbox.sync("opportunities", deal("a"), deal("c"))
    assert inbox.publish("emails").updated == 1
    assert inbox.rows(linked) == [("1", "a"), ("2", None), ("3", None)]
    inbox.sync("emails", email("1", gong_opportunity_id="c"), email("2"), email("3", gong_opportunity_id="z"))
    assert inbox.rows(linked) == [("1", "c"), ("2", None), ("3", None)]
    assert inbox.rows("SELECT parent_key FROM sync.unlinked") == [["z"]]
    inbox.sync("opportunities", deal("b"))
    assert inbox.publish("emails").updated == 0
    inbox.sync("emails", email("3", _deleted=True))
    assert inbox.rows("SELECT count(*) FROM sync.unlinked") == [0]


@pytest.mark.covers("P30")
@pytest.mark.parametrize("indexed", [True, False], ids=["an index", "no index"])
def test_the_line_of_an_older_importer_is_found_with_and_without_an_index(inbox: Inbox, indexed: bool) -> None:
    inbox.sync("calls", call(1), call(2))
    inbox.run("INSERT INTO transcripts (call_id, sequence_number, text) SELECT id, 4, 'stale' FROM calls")
    if not indexed:
        inbox.run("DROP INDEX idx_transcripts_call")
    before = inbox.rows("SELECT id FROM transcripts ORDER BY id")
    done = inbox.sync("transcripts", line(1, 4, text="new"), line(2, 4, text="new"), line(2, 5))
    assert (done.updated, done.inserted) == (2, 1)
    assert inbox.rows("SELECT id FROM transcripts WHERE sequence_number = 4 AND text = 'new' ORDER BY id") == before

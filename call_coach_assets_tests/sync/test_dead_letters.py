"""Rows that cannot be published: none is lost, none keeps the others out."""

from __future__ import annotations

from typing import Any

import pytest

from call_coach_assets.sync import dead_letters
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets.sync.sync_status import checkpoints, read_statuses, record_failure
from call_coach_assets.sync.waiting import list_waiting
from call_coach_assets_tests.sync.inbox import ENTITIES, NOON, Inbox, call, deal, email, line, speaker


def letters(inbox: Inbox, entity: str) -> dict[str, str]:
    return {letter.key: letter.reason for letter in dead_letters.list_letters(inbox.connection, inbox.schema, entity)}


@pytest.mark.covers("P13", "E10", "O11")
def test_bad_rows_are_dead_lettered_with_reason_and_payload_and_the_rest_continues(inbox: Inbox) -> None:
    done = inbox.sync(
        "opportunities",
        deal("1"),
        deal("2", name=None),
        deal(None, name="first"),
        deal(None, name="second"),
        deal("3", _rejected="its id is no text"),
        deal("4" * 5000),
        run_id="r1",
    )
    assert (done.inserted, done.dead_lettered) == (1, 5)
    found = letters(inbox, "opportunities")
    assert (found["2"], found["3"]) == ("name is missing", "its id is no text")
    assert found["4" * 5000] == "its key is longer than 1000 characters"
    keyless = f"gong_opportunity_id is missing; {dead_letters.STAYS}"
    assert sum(reason == keyless for reason in found.values()) == 2
    letter = dead_letters.show(inbox.connection, inbox.schema, "opportunities", "2")
    assert letter is not None
    assert (letter.payload["gong_opportunity_id"], letter.run_id) == ("2", "r1")
    _, status, items, errors, details = inbox.status("opportunities")
    assert (status, items, errors) == ("partial", 1, 5)
    assert ("2", "name is missing") in details
    before = inbox.versions("sync.dead_letters")
    assert inbox.sync("opportunities", deal("2", name=None), deal(None, name="first"), run_id="r2").dead_lettered == 5
    assert inbox.versions("sync.dead_letters") == before


@pytest.mark.covers("P13")
def test_a_good_version_or_a_deletion_clears_the_letter(inbox: Inbox) -> None:
    inbox.sync("calls", call(1, _rejected="bad"), call(2, _rejected="bad"), call(3, _rejected="bad"))
    assert inbox.sync("calls", call(1), call(2, _deleted=True)).dead_lettered == 1
    assert letters(inbox, "calls") == {"3": "bad"}
    inbox.sync("calls", call(1, _rejected="bad again"))
    assert inbox.rows("SELECT count(*) FROM calls") == [1]


@pytest.mark.covers("P13", "P9")
def test_what_postgres_refuses_is_found_among_many_and_the_rest_is_published(inbox: Inbox) -> None:
    inbox.run("ALTER TABLE opportunities ALTER COLUMN stage TYPE varchar(5), ADD CONSTRAINT sane CHECK (name <> 'bad')")
    inbox.sync("opportunities", deal("known"))
    bad: list[dict[str, Any]] = [
        deal("b1", metadata="{oops"),
        deal("b2", amount="1e20"),
        deal("b3", stage="longer than five"),
        deal("b4", name="bad"),
        deal("known", name="bad"),
        deal("b5", metadata=r'"\ud800"'),
    ]
    rows = [deal(f"g{n}") for n in range(300)]
    for place, row in enumerate(bad):
        rows.insert(place * 47, row)
    done = inbox.sync("opportunities", *rows)
    assert (done.inserted, done.updated, done.unchanged, done.dead_lettered) == (301, 0, 0, 6)
    found = letters(inbox, "opportunities")
    assert "json" in found["b1"]
    assert found["b2"] == "amount does not fit: 1e20"
    assert inbox.rows("SELECT amount FROM opportunities WHERE gong_opportunity_id = 'b2'") == [None]
    assert "varying(5)" in found["b3"]
    assert "sane" in found["b4"]
    assert "sane" in found["known"]
    assert inbox.rows("SELECT name FROM opportunities WHERE gong_opportunity_id = 'known'") == ["A deal"]


@pytest.mark.covers("P9", "P13")
def test_a_value_that_fits_no_more_is_published_as_null_and_kept_in_a_letter(inbox: Inbox) -> None:
    misfit = {"duration_seconds": "an hour", "title": "a\0b"}
    done = inbox.sync("calls", call(1, title=None, _misfits=misfit), call(2, duration_seconds=60))
    assert (done.inserted, done.dead_lettered) == (2, 1)
    assert letters(inbox, "calls") == {"1": "duration_seconds does not fit: an hour; title does not fit: a\ufffdb"}
    assert inbox.status("calls")[1] == "partial"
    assert inbox.sync("calls", call(1, duration_seconds=3600)).dead_lettered == 0
    inbox.sync("opportunities", deal("1", name=None, _misfits={"name": "[1]"}))
    assert letters(inbox, "opportunities") == {"1": "name is missing; name does not fit: [1]"}


@pytest.mark.covers("P13")
def test_a_letter_can_be_tried_again_or_discarded(inbox: Inbox) -> None:
    inbox.sync("calls", call(7))
    inbox.sync("transcripts", line(7, 1, text=None), line(7, None, text="x"))  # type: ignore[arg-type]
    again = [dead_letters.retry(inbox.connection, inbox.schema, ENTITIES["transcripts"], key) for key in ("7/1", "9/9")]
    assert again == [True, False]
    assert [(wanted.column, wanted.key) for wanted in inbox.refetch("transcripts")] == [("gong_call_id", "7")]
    assert len(dead_letters.list_letters(inbox.connection, inbox.schema)) == 2
    assert dead_letters.discard(inbox.connection, inbox.schema, "transcripts", "7/1")
    assert not dead_letters.discard(inbox.connection, inbox.schema, "transcripts", "7/1")


@pytest.mark.covers("E8", "O8")
def test_rows_wait_for_their_parent_in_their_newest_version_and_are_told(inbox: Inbox) -> None:
    inbox.sync("speakers", speaker(1, "a", name="Old"))
    done = inbox.sync("speakers", speaker(1, "a", name="New"), speaker(2, "b"), minutes=5)
    assert (done.waiting, done.inserted, done.checkpoint_after) == (2, 0, None)
    _, status, items, errors, details = inbox.status("speakers")
    assert (status, items, errors) == ("partial", 0, 2)
    assert sorted(details) == [("1/a", "waits for calls 1"), ("2/b", "waits for calls 2")]
    rows = list_waiting(inbox.connection, ENTITIES["speakers"], ENTITIES, inbox.schema)
    assert [(row.key, row.waits_for) for row in rows] == [("1/a", "calls 1"), ("2/b", "calls 2")]
    inbox.sync("calls", call(1))
    rows = list_waiting(inbox.connection, ENTITIES["speakers"], ENTITIES, inbox.schema)
    assert [(row.key, row.waits_for) for row in rows] == [("1/a", ""), ("2/b", "calls 2")]
    arrived = inbox.publish("speakers")
    assert (arrived.waiting, arrived.inserted) == (1, 1)
    assert inbox.rows("SELECT name FROM speakers") == ["New"]
    assert inbox.sync("speakers", speaker(2, "b", _deleted=True)).waiting == 0


def test_a_row_whose_parent_goes_between_look_up_and_write_waits_instead(inbox: Inbox) -> None:
    inbox.run("CREATE TABLE people (address varchar PRIMARY KEY)")
    inbox.run("ALTER TABLE emails ADD FOREIGN KEY (sender_email) REFERENCES people")
    done = inbox.sync("emails", *(email(str(n), sender_email="a@b.c" if n == 2 else None) for n in range(5)))
    assert (done.inserted, done.waiting, done.dead_lettered) == (4, 1, 0)
    assert [key for key, _ in inbox.status("emails")[4]] == ["2"]
    inbox.run("INSERT INTO people VALUES ('a@b.c')")
    assert inbox.publish("emails").inserted == 1


def test_error_details_are_a_hundred_at_most(inbox: Inbox) -> None:
    inbox.sync("calls", *(call(n, _rejected="bad") for n in range(101)))
    inbox.sync("speakers", *(speaker(n, "a") for n in range(200, 301)))
    for entity in ("calls", "speakers"):
        *_, errors, details = inbox.status(entity)
        assert (errors, len(details)) == (101, 100)


@pytest.mark.covers("E8", "O8")
def test_statuses_say_where_each_entity_stands(inbox: Inbox) -> None:
    inbox.sync("calls", call(1), call(2, _rejected="bad"))
    inbox.land("speakers", speaker(9, "a"))
    inbox.publish("speakers")
    inbox.sync("emails", email("1"))
    record_failure(inbox.connection, "emails", "BigQuery is away")
    record_failure(inbox.connection, "transcripts", "BigQuery is away")
    inbox.run("DROP TABLE sync.inbox_call_opportunities")
    inbox.sync("opportunities", deal("x"))
    assert inbox.publish("call_opportunities").inserted == 0
    known = checkpoints(inbox.settings)
    assert (known["calls"], known["speakers"], known["emails"]) == (NOON, None, NOON)
    close_pools()
    found = {status.entity: status for status in read_statuses(inbox.connection, ENTITIES, inbox.schema)}
    calls, speakers = found["calls"], found["speakers"]
    assert (calls.status, calls.row_count, calls.dead_letters, calls.errors_count) == ("partial", 1, 1, 1)
    assert calls.dead_letters_since is not None
    assert (speakers.waiting, speakers.waiting_since is not None) == (1, True)
    assert (found["emails"].status, found["emails"].checkpoint is not None) == ("failed", True)
    assert (found["transcripts"].status, found["transcripts"].errors_count) == ("failed", 1)
    assert found["call_opportunities"].status == "success"

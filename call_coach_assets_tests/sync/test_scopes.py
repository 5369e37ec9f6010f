"""Links of calls and opportunities, which are read call by call, and what is read again by key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from call_coach_assets.sync.publish import RunInfo, publish
from call_coach_assets_tests.sync.inbox import Inbox, call, deal, pair


@pytest.mark.covers("O6")
def test_pairs_of_a_call_that_was_read_are_replaced_as_a_whole_and_others_stay(inbox: Inbox) -> None:
    links = (
        "SELECT c.gong_call_id || o.gong_opportunity_id FROM call_opportunities"
        " JOIN calls c ON c.id = call_id JOIN opportunities o ON o.id = opportunity_id ORDER BY 1"
    )
    inbox.sync("calls", call(1), call(2), call(3))
    inbox.sync("opportunities", deal("a"), deal("b"))
    first = inbox.sync("call_opportunities", pair(1, "a"), pair(1, "b"), pair(1, "b"), pair(2, "a"), pair(3, None))
    assert (first.inserted, first.waiting, first.dead_lettered) == (3, 0, 0)
    moved = inbox.sync("call_opportunities", pair(1, "b"), pair(1, "late"))
    assert (moved.deleted, moved.unchanged, moved.waiting) == (1, 1, 1)
    assert inbox.rows(links) == ["1b", "2a"]
    still = inbox.publish("call_opportunities")
    assert (still.deleted, still.waiting, inbox.rows(links)) == (0, 1, ["1b", "2a"])
    inbox.sync("opportunities", deal("late"))
    assert inbox.publish("call_opportunities").inserted == 1
    assert inbox.rows(links) == ["1b", "1late", "2a"]
    gone = inbox.sync("call_opportunities", pair(1, None))
    assert (gone.deleted, inbox.rows(links)) == (2, ["2a"])
    assert inbox.rows("SELECT count(*) FROM sync.call_opportunities_rows") == [1]


def test_a_scope_of_which_a_crash_landed_a_part_is_not_taken_for_the_whole(inbox: Inbox) -> None:
    inbox.sync("calls", call(1))
    inbox.sync("opportunities", deal("a"), deal("b"))
    inbox.sync("call_opportunities", pair(1, "a"), pair(1, "b"))
    inbox.run("CREATE TABLE sync._dlt_loads (load_id text, status bigint)")
    inbox.land("call_opportunities", pair(1, "a"))
    assert inbox.publish("call_opportunities", load_ids=()).deleted == 0
    done = inbox.land("call_opportunities", pair(1, "a"))
    inbox.run("INSERT INTO sync._dlt_loads VALUES (%s, 0)", done)
    assert inbox.publish("call_opportunities", load_ids=()).deleted == 1


def test_what_was_read_again_by_key_leaves_the_list_unless_it_was_asked_for_since(inbox: Inbox) -> None:
    inbox.run(
        "INSERT INTO sync.refetch VALUES ('calls', 'gong_call_id', '1', now()), ('calls', 'gong_call_id', '2', now())"
    )
    read = tuple(inbox.refetch("calls"))
    inbox.run("UPDATE sync.refetch SET since = clock_timestamp() WHERE key = '2'")
    inbox.sync("calls", call(1), refetched=read)
    assert [wanted.key for wanted in inbox.refetch("calls")] == ["2"]


@pytest.mark.covers("P30")
def test_two_publishes_at_once_publish_each_row_once(inbox: Inbox) -> None:
    inbox.land("calls", *(call(number) for number in range(50)))

    def publish_alone(run_id: str) -> int:
        with psycopg.connect(inbox.url, prepare_threshold=None) as connection:
            run = RunInfo(run_id=run_id)
            return publish(connection, inbox.entities["calls"], inbox.entities, inbox.settings, run).inserted

    with ThreadPoolExecutor(2) as executor:
        assert sorted(executor.map(publish_alone, ["one", "two"])) == [0, 50]
    assert inbox.status("calls")[1] == "success"

"""A backfill that is published in slices, beside one that is published in one piece."""

from __future__ import annotations

from datetime import timedelta

import pytest

from call_coach_assets.errors import TargetUnavailableError
from call_coach_assets.settings import Settings
from call_coach_assets.sync.postgres import pool_for
from call_coach_assets.sync.publish import Published, RunInfo, publish
from call_coach_assets.sync.slices import KeySlice, PageSlice, slices_of
from call_coach_assets_tests.sync.inbox import ENTITIES, NOON, Inbox, call, line, speaker

CALLS, LINES = 12, 5
SMALL = 7  # rows of a slice


@pytest.fixture
def inbox(inbox: Inbox) -> Inbox:
    inbox.sync("calls", *(call(number) for number in range(CALLS)))
    inbox.sync("speakers", *(speaker(number, "a") for number in range(CALLS)))
    return inbox


def _land(inbox: Inbox) -> str:
    """Sixty good lines in two versions each, one line of an unknown call and one without a text."""
    for version in ("old", "new"):
        lines = [
            line(number, place, text=f"{version} {number} {place}", gong_speaker_id="a")
            for number in range(CALLS)
            for place in range(LINES)
        ]
        load = inbox.land("transcripts", *lines, minutes=5 if version == "new" else 0)
    inbox.land("transcripts", line("unknown", 0, _warnings=["odd"]), line(0, 99, text=None), load=load, minutes=9)
    return load


def _publish(inbox: Inbox, load: str, rows: int) -> Published:
    settings = _settings(inbox, rows)
    run = RunInfo(run_id="backfill", query_sha256="f" * 64, load_ids=(load,))
    return publish(pool_for(settings), ENTITIES["transcripts"], ENTITIES, settings, run)


def _settings(inbox: Inbox, rows: int) -> Settings:
    return inbox.settings.model_copy(update={"sync_publish_rows": rows})


def _written(inbox: Inbox) -> list[str]:
    return inbox.rows("SELECT text FROM transcripts ORDER BY text")


@pytest.mark.covers("P33")
def test_a_backfill_in_slices_is_what_one_in_one_piece_is(inbox: Inbox) -> None:
    done = _publish(inbox, _land(inbox), SMALL)
    assert (done.inserted, done.updated, done.waiting, done.dead_lettered) == (CALLS * LINES, 0, 1, 1)
    assert _written(inbox) == sorted(f"new {number} {place}" for number in range(CALLS) for place in range(LINES))
    assert inbox.rows("SELECT count(*) FROM transcripts WHERE speaker_id IS NOT NULL") == [CALLS * LINES]
    assert inbox.status("transcripts")[:4] == (NOON + timedelta(minutes=9), "partial", CALLS * LINES, 2)
    assert inbox.rows("SELECT gong_call_id FROM sync.inbox_transcripts") == ["unknown"]
    (transactions,) = inbox.rows(
        "SELECT count(*) FROM sync.sync_runs WHERE finished_at > started_at AND run_id = 'backfill'"
    )
    assert transactions > CALLS * LINES // SMALL
    assert inbox.rows("SELECT count(*) FROM sync.transcripts_rows JOIN sync.sync_runs USING (load)") == [CALLS * LINES]
    before = inbox.versions("transcripts")
    again = _publish(inbox, _land(inbox), SMALL)
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, CALLS * LINES)
    assert inbox.versions("transcripts") == before


@pytest.mark.covers("P33")
def test_a_first_sync_of_which_every_key_is_landed_once_is_published_by_pages(inbox: Inbox) -> None:
    texts = {(number, place): f"{number} {place} " + "word " * 300 for number in range(CALLS) for place in range(LINES)}
    lines = [line(number, place, text=text, gong_speaker_id="a") for (number, place), text in texts.items()]
    load = inbox.land("transcripts", *lines, line("unknown", 0), line(0, 99, text=None))
    parts = slices_of(pool_for(inbox.settings), ENTITIES["transcripts"], ENTITIES, _settings(inbox, SMALL))
    assert {type(part) for part in parts} == {PageSlice}
    assert len(parts) > 4
    done = _publish(inbox, load, SMALL)
    assert (done.inserted, done.updated, done.waiting, done.dead_lettered) == (CALLS * LINES, 0, 1, 1)
    assert _written(inbox) == sorted(texts.values())
    (transactions,) = inbox.rows("SELECT count(*) FROM sync.sync_runs WHERE run_id = 'backfill' AND counts IS NOT NULL")
    assert transactions == len(parts) + 1
    assert inbox.rows("SELECT gong_call_id FROM sync.inbox_transcripts") == ["unknown"]


@pytest.mark.covers("P7", "P33")
def test_a_backfill_that_is_cut_off_goes_on_where_it_was(inbox: Inbox) -> None:
    load = _land(inbox)
    inbox.run(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$;"
        " CREATE TRIGGER fails BEFORE INSERT ON transcripts FOR EACH ROW WHEN (NEW.text LIKE 'new 7 %') "
        "EXECUTE FUNCTION fail()"
    )
    with pytest.raises(TargetUnavailableError, match="no space left"):
        _publish(inbox, load, SMALL)
    published = _written(inbox)
    assert inbox.rows("SELECT count(*) FROM sync_status WHERE entity_type = 'transcripts'") == [0]
    assert inbox.rows("SELECT count(*) FROM sync.inbox_transcripts WHERE gong_call_id = '7'") == [2 * LINES]
    inbox.run("DROP TRIGGER fails ON transcripts")
    versions = set(inbox.versions("transcripts"))
    done = _publish(inbox, load, SMALL)
    assert done.inserted == CALLS * LINES - len(published)
    assert versions <= set(inbox.versions("transcripts")), "what was published stays as it was"
    assert _written(inbox) == sorted(f"new {number} {place}" for number in range(CALLS) for place in range(LINES))


def test_only_what_nothing_refers_to_is_published_in_slices_and_only_where_it_is_much(inbox: Inbox) -> None:
    _land(inbox)
    pool, few, many = pool_for(inbox.settings), _settings(inbox, SMALL), _settings(inbox, 1000)
    inbox.land("calls", *(call(number) for number in range(100, 120)))
    assert slices_of(pool, ENTITIES["calls"], ENTITIES, few) == []
    assert slices_of(pool, ENTITIES["transcripts"], ENTITIES, many) == []
    parts = slices_of(pool, ENTITIES["transcripts"], ENTITIES, few)
    assert {type(part) for part in parts} == {KeySlice}, "a key was landed twice"
    assert len(parts) == 18
    assert len(parts) % 2 == 0, "one for each connection"

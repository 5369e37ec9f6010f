"""A backfill that is landed in parts, each published while the next one is read, beside one that is landed whole."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest

from call_coach_assets.errors import TargetUnavailableError
from call_coach_assets.settings import Settings
from call_coach_assets.sync.ahead import part_rows
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.entity_sync import EntitySync
from call_coach_assets.sync.postgres import pool_for
from call_coach_assets.sync.result import SyncResult
from call_coach_assets.sync.session import sync_entity
from call_coach_assets.sync.slices import CONNECTIONS
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.warehouse import Warehouse

CALLS, LINES = 6, 5
PART, BATCH = 8, 3
ENTITIES = load_entities()
PATIENCE = 30.0  # seconds
RETRIES = 3
_LINES = "SELECT gong_call_id, sequence_number, text FROM transcripts t JOIN calls c ON c.id = t.call_id ORDER BY 1, 2"
_STATUS = "SELECT last_sync_status FROM sync_status WHERE entity_type = 'transcripts'"


@pytest.fixture
def backfill(database: str, warehouse: Warehouse) -> Settings:
    """Calls are synced, their thirty lines are not; batches and parts are small."""
    warehouse.create_all()
    warehouse.insert("gong.call", [{"id": str(n), "title": f"Call {n}", "duration": 60} for n in range(CALLS)])
    for place in range(LINES):
        rows = [_line(number, place) for number in range(CALLS)]
        warehouse.insert("gong.transcript", rows)
    settings = settings_for(database, warehouse, sync_publish_rows=PART // CONNECTIONS, sync_batch_size=BATCH)
    sync_entity(ENTITIES["calls"], ENTITIES, settings, "parents")
    return settings


def _line(number: int | str, place: int, text: str = "") -> dict[str, Any]:
    sentence = f'[{{"text": "{text or f"line {place} of {number}"}", "start": 0, "end": 10}}]'
    return {"call_id": str(number), "index": str(place), "sentence": sentence}


def _sync(settings: Settings, land: Any = EntitySync.land) -> SyncResult:
    return sync_entity(ENTITIES["transcripts"], ENTITIES, settings, "backfill", land=land)


def _query(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("SET search_path = public, call_coach_sync")
        cursor = connection.execute(statement)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []


def _all_lines() -> list[tuple[str, int, str]]:
    return [(str(number), place, f"line {place} of {number}") for number in range(CALLS) for place in range(LINES)]


@pytest.mark.covers("P33")
def test_a_part_is_published_while_the_next_one_is_landed_and_all_arrives(backfill: Settings) -> None:
    seen: list[tuple[int, list[tuple[Any, ...]]]] = []

    def land(sync: EntitySync) -> None:
        sync.land()
        deadline = time.monotonic() + PATIENCE
        published = 0
        while seen and published <= seen[-1][0] and time.monotonic() < deadline:
            ((published,),) = _query(backfill, "SELECT count(*) FROM transcripts")
        seen.append((published, _query(backfill, _STATUS)))

    done = _sync(backfill, land)
    assert [published for published, _ in seen] == [0, 3, 6, 12, 21], "whole batches of at least 1, 2, 4, 8 and 8 rows"
    assert {str(status) for _, status in seen} == {"[]"}, "nothing is said before all of it is there"
    assert (done.read, done.inserted, done.updated, done.waiting) == (CALLS * LINES, CALLS * LINES, 0, 0)
    assert _query(backfill, _LINES) == _all_lines()
    assert _query(backfill, "SELECT count(*) FROM inbox_transcripts") == [(0,)]
    again = _sync(backfill)
    assert (again.inserted, again.updated) == (0, 0)
    assert again.checkpoint_after == done.checkpoint_after


@pytest.mark.covers("P7", "P33")
def test_a_backfill_that_is_cut_off_between_parts_is_read_again_from_where_it_began(backfill: Settings) -> None:
    landed = 0

    def land(sync: EntitySync) -> None:
        nonlocal landed
        landed += 1
        if landed == 3:
            raise KeyboardInterrupt
        sync.land()

    with pytest.raises(KeyboardInterrupt):
        _sync(backfill, land)
    published = _query(backfill, "SELECT id, xmin::text FROM transcripts")
    assert len(published) <= 12
    assert _query(backfill, _STATUS) == []
    done = _sync(backfill)
    assert done.read == CALLS * LINES, "the cursor has not moved"
    assert done.inserted == CALLS * LINES - len(published)
    assert _query(backfill, _LINES) == _all_lines()
    assert set(published) <= set(_query(backfill, "SELECT id, xmin::text FROM transcripts"))


def test_a_part_that_cannot_be_published_ends_the_sync_before_all_is_read(backfill: Settings) -> None:
    _query(
        backfill,
        "CREATE SEQUENCE tries; CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM nextval('public.tries'); RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$;"
        " CREATE TRIGGER fails BEFORE INSERT ON transcripts FOR EACH ROW EXECUTE FUNCTION fail()",
    )
    landed = 0

    def land(sync: EntitySync) -> None:
        nonlocal landed
        landed += 1
        sync.land()
        deadline = time.monotonic() + PATIENCE
        while (
            landed == 2 and time.monotonic() < deadline and _query(backfill, "SELECT is_called FROM tries") != [(True,)]
        ):
            time.sleep(0.05)
        time.sleep(0.5)  # from there to where it is told

    with pytest.raises(TargetUnavailableError, match="no space left"):
        _sync(backfill, land)
    assert landed == 2 + RETRIES, "two of four parts, then all at once, since some is landed"
    _query(backfill, "DROP TRIGGER fails ON transcripts")
    assert _sync(backfill).inserted == CALLS * LINES
    assert _query(backfill, _LINES) == _all_lines()


def test_what_waits_in_the_inbox_keeps_the_parts_together(backfill: Settings, warehouse: Warehouse) -> None:
    pool = pool_for(backfill)
    warehouse.insert("gong.transcript", [_line("unknown", 0)])
    assert _sync(backfill).waiting == 1
    assert part_rows(pool, ENTITIES["transcripts"], ENTITIES, backfill) is None
    warehouse.update("gong.transcript", {}, sentence=_line(0, 0, "said again")["sentence"])
    done = _sync(backfill)
    assert (done.updated, done.waiting) == (CALLS * LINES, 1)
    assert part_rows(pool, ENTITIES["calls"], ENTITIES, backfill) is None, "others refer to calls"
    _query(backfill, "DELETE FROM inbox_transcripts")
    assert part_rows(pool, ENTITIES["transcripts"], ENTITIES, backfill) == PART

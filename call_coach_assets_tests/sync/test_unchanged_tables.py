"""Tables that BigQuery says nobody wrote are not read again, and nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from call_coach_assets.settings import Settings, read_settings
from call_coach_assets.sync.adapt import AdaptedQuery
from call_coach_assets.sync.bookkeeping import request_refetch
from call_coach_assets.sync.catalog import LiveTable
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.entity_sync import EntitySync
from call_coach_assets.sync.result import SyncResult
from call_coach_assets.sync.session import sync_entity
from call_coach_assets.sync.source_answers import Question, question, reading
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.faults import FaultProxy
from call_coach_assets_tests.warehouse import Warehouse

ENTITIES = load_entities()
WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
LINE = {"call_id": "1", "index": "0", "sentence": '[{"text": "Hello", "start": 0, "end": 10}]'}


@pytest.fixture
def settings(database: str, warehouse: Warehouse) -> Settings:
    """A warehouse with a call and a database; tables that did not change are not read."""
    warehouse.create_all()
    warehouse.insert("gong.call", [{"id": "1", "title": "Call 1", "duration": 60}])
    return settings_for(database, warehouse, sync_skip_unchanged=True)


def sync(settings: Settings, name: str = "calls", **options: Any) -> SyncResult:
    return sync_entity(ENTITIES[name], ENTITIES, settings, "a run", **options)


def was_read(result: SyncResult) -> bool:
    """Whether a sync asked BigQuery for rows."""
    assert result.unchanged_since is None or (result.read, result.load_id) == (0, None)
    return result.unchanged_since is None


@pytest.mark.covers("P5", "P14", "P36")
def test_an_hour_in_which_nobody_wrote_a_table_runs_no_query(
    settings: Settings, warehouse: Warehouse, proxy: FaultProxy
) -> None:
    first = sync(settings)
    written = warehouse.client.get_table(warehouse.path("gong.users")).modified
    proxy.answer(500, when=b"POST ", times=99)
    again = sync(settings.model_copy(update={"bigquery_emulator_host": proxy.url}))
    assert proxy.struck == 0, "a query is a POST"
    assert (again.read, again.rows_synced, again.bytes_billed, again.load_id) == (0, 0, 0, None)
    assert again.status == "success"
    assert again.checkpoint_before == again.checkpoint_after == first.checkpoint_after
    assert again.unchanged_since is not None
    assert again.unchanged_since >= written


def test_unchanged_tables_are_read_where_something_else_is_to_be_had_from_them(settings: Settings) -> None:
    sync(settings)
    assert was_read(sync(settings.model_copy(update={"company_domains": "example.com"})))
    assert was_read(sync(settings, full_refresh=True))
    assert not was_read(sync(settings))
    with psycopg.connect(settings.database_url) as connection:
        request_refetch(connection, "calls", "gong_call_id", ["1"], settings.sync_schema)
    assert was_read(sync(settings)), "keys were asked for"
    assert not was_read(sync(settings))
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("DROP TABLE call_coach_sync.inbox_calls")
    assert was_read(sync(settings)), "what waited in the inbox is lost"


@pytest.mark.covers("P7")
def test_whatever_is_written_has_the_tables_read(settings: Settings, warehouse: Warehouse) -> None:
    sync(settings)
    writes: dict[str, Callable[[], None]] = {
        "an insert": lambda: warehouse.insert("gong.call", [{"id": "2", "title": "Call 2"}]),
        "an update": lambda: warehouse.update("gong.call", {"id": "1"}, restamp=False, title="Changed in silence"),
        "a delete": lambda: warehouse.delete("gong.call", id="1"),
        "a row of a joined table": lambda: warehouse.insert("gong.users", [{"id": "9", "first_name": "Ada"}]),
        "a new column": lambda: warehouse.alter("ALTER TABLE gong.call ADD COLUMN mood STRING"),
        "a table that goes": lambda: warehouse.drop("gong.call_participant"),
    }
    for what, write in writes.items():
        write()
        assert was_read(sync(settings)), what
        assert not was_read(sync(settings)), what


@pytest.mark.covers("P7", "P9")
def test_what_is_written_while_a_sync_reads_is_read_by_the_next_one(settings: Settings, warehouse: Warehouse) -> None:
    def landing(sync: EntitySync) -> None:
        sync.land()
        warehouse.insert("gong.call", [{"id": "2", "title": "Just missed"}])

    assert sync(settings, land=landing).inserted == 1
    assert sync(settings).inserted == 1
    assert not was_read(sync(settings))


@pytest.mark.covers("P11", "P12")
def test_what_was_read_but_not_published_is_read_again(settings: Settings) -> None:
    def landing(sync: EntitySync) -> None:
        sync.land()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(settings, land=landing)
    result = sync(settings)
    assert was_read(result)
    assert result.inserted == 1


@pytest.mark.covers("P13")
def test_rows_that_wait_are_published_without_being_read_again(settings: Settings, warehouse: Warehouse) -> None:
    warehouse.insert("gong.transcript", [LINE])
    assert sync(settings, "transcripts").waiting == 1
    sync(settings)
    arrived = sync(settings, "transcripts")
    assert not was_read(arrived)
    assert (arrived.inserted, arrived.waiting) == (1, 0)


@pytest.mark.parametrize(
    ("table", "asked"),
    [
        (LiveTable({}, WRITTEN, 1, 1), True),
        (None, True),  # an absent table is as it was while it is absent
        (LiveTable({}), False),
        (LiveTable({}, WRITTEN, 1, 1, streamed=True), False),
    ],
    ids=["a table", "no table", "a view", "a table with rows in its streaming buffer"],
)
def test_only_of_tables_does_bigquery_say_whether_they_changed(table: LiveTable | None, asked: bool) -> None:
    found = question(ENTITIES["calls"], "count", {}, {"gong.call": table}, read_settings(_env_file=None))
    assert (found is not None) is asked


@pytest.mark.parametrize(
    ("environment", "skips"),
    [
        ({}, True),
        ({"bigquery_emulator_host": "http://127.0.0.1:1"}, False),
        ({"bigquery_emulator_host": "http://127.0.0.1:1", "call_coach_profile": "local"}, True),
        ({"bigquery_emulator_host": "http://127.0.0.1:1", "sync_skip_unchanged": True}, True),
        ({"sync_skip_unchanged": False}, False),
    ],
)
def test_bigquery_is_believed_and_an_emulator_only_if_it_is_ours(environment: dict[str, Any], skips: bool) -> None:
    assert read_settings(_env_file=None, **environment).skips_unchanged is skips


def test_another_state_of_a_table_another_declaration_or_setting_is_another_question() -> None:
    calls, settings = ENTITIES["calls"], read_settings(_env_file=None)
    optional = tuple(column.model_copy(update={"required": False}) for column in calls.columns)

    def asked(
        entity: Entity = calls, sql: str = "SELECT 1", state: tuple[Any, ...] = (WRITTEN, 1, 1), **changed: object
    ) -> Question | None:
        tables = {"gong.call": LiveTable({}, *state)}
        return reading(entity, AdaptedQuery(entity="calls", sql=sql), tables, settings.model_copy(update=changed))

    questions = [
        asked(),
        asked(state=(WRITTEN.replace(microsecond=1000), 1, 1)),
        asked(state=(WRITTEN, 2, 1)),
        asked(state=(WRITTEN, 1, 2)),
        asked(sql="SELECT 2"),
        asked(entity=calls.model_copy(update={"columns": optional})),
        asked(company_domains="example.com"),
        asked(sync_overlap_minutes=61),
    ]
    assert len(set(questions)) == len(questions)
    assert asked(entity=calls.model_copy(update={"folder": Path("/elsewhere")})) == asked(), "any machine asks alike"

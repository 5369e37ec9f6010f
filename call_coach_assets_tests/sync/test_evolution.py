"""The source's columns come, go and change their types: the target follows, and nothing is corrupted on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from call_coach_assets.settings import Settings
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets.sync.result import SyncResult
from call_coach_assets.sync.session import sync_entity
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.sync.story import call, monologue, opportunity
from call_coach_assets_tests.warehouse import Warehouse

ENTITIES = load_entities(check_queries=False)
OLD = "2000-01-01 00:00:00+00"


@pytest.fixture
def warehouse(warehouse: Warehouse) -> Warehouse:
    """Two opportunities and a third a day later, in a table with a column that no mapping knows; a call."""
    warehouse.create_all()
    warehouse.alter("ALTER TABLE salesforce.opportunity ADD COLUMN legacy STRING")
    warehouse.insert("salesforce.opportunity", [opportunity("006A", legacy="old"), opportunity("006B")])
    warehouse.insert("gong.call", [call(1)])
    warehouse.insert("gong.transcript", [monologue(1, 0, "hello")])
    warehouse.advance(timedelta(days=1))
    warehouse.insert("salesforce.opportunity", [opportunity("006C")])
    return warehouse


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


def sync(settings: Settings, name: str = "opportunities") -> SyncResult:
    return sync_entity(ENTITIES[name], ENTITIES, settings, "a run")


def retype(warehouse: Warehouse, table: str, column: str, kind: str, **values: Any) -> None:
    """Give a column another type, as Fivetran does: every row is written again, with its stamp, and `values` by id."""
    rows = warehouse.rows(table)
    schema = {**warehouse.schema(table), column: kind}
    warehouse.drop(table)
    warehouse.create(table, schema)
    warehouse.insert(table, [{**row, column: values.get(f"_{row.get('id', row.get('index'))}")} for row in rows])


def column_types(connection: psycopg.Connection[Any], table: str) -> dict[str, str]:
    statement = "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass"
    return dict(connection.execute(f"{statement} AND attnum > 0", [table]).fetchall())  # type: ignore[arg-type]


def letters(connection: psycopg.Connection[Any], entity: str) -> dict[str, str]:
    statement = "SELECT key, reason FROM call_coach_sync.dead_letters WHERE entity = %s"
    return dict(connection.execute(statement, [entity]).fetchall())


def deals(connection: psycopg.Connection[Any], columns: str) -> list[tuple[Any, ...]]:
    return connection.execute(f"SELECT {columns} FROM opportunities ORDER BY gong_opportunity_id").fetchall()  # type: ignore[arg-type]


@pytest.mark.covers("P8", "P9", "P10", "P31")
def test_a_new_source_column_is_added_filled_kept_and_outlives_a_change_of_type(
    settings: Settings, warehouse: Warehouse, connection: psycopg.Connection[Any]
) -> None:
    assert sync(settings).schema_changes == (), "what is there at first is no news"
    assert "legacy" not in column_types(connection, "opportunities")
    columns = "dealSize__c FLOAT64, seats INT64, renewal TIMESTAMP, tags ARRAY<STRING>, created_at STRING"
    for column in columns.split(", "):
        warehouse.alter(f"ALTER TABLE salesforce.opportunity ADD COLUMN {column}")
    new: dict[str, Any] = {"dealSize__c": 1e308, "seats": 3_000_000_000, "renewal": warehouse.now, "created_at": "mine"}
    warehouse.update("salesforce.opportunity", {"id": "006A"}, restamp=False, **new)

    with psycopg.connect(settings.database_url) as application:
        application.execute("LOCK TABLE opportunities IN ACCESS SHARE MODE")
        busy = sync(settings)
    assert any("seats is new, and not added" in said and "is using the table" in said for said in busy.warnings)
    assert "seats" not in column_types(connection, "opportunities"), "an ALTER never waits behind the application"

    done = sync(settings)
    types = column_types(connection, "opportunities")
    added = {name: types[name] for name in ("deal_size__c", "seats", "renewal", "tags")}
    assert list(added.values()) == ["double precision", "bigint", "timestamp with time zone", "jsonb"]
    values = deals(connection, "deal_size__c, seats, renewal, created_at > now() - interval '1 day'")
    assert values == [(1e308, 3_000_000_000, new["renewal"], True), *[(None, None, None, True)] * 2]
    assert any("created_at is new, and not added" in said for said in done.schema_changes)
    assert "legacy" not in types
    quiet = sync(settings)
    assert (quiet.rows_synced, len(quiet.schema_changes)) == (0, 1), "only the column that has no place is told again"

    warehouse.alter("ALTER TABLE salesforce.opportunity DROP COLUMN seats")
    warehouse.update("salesforce.opportunity", {"id": "006A"}, name="Renamed")
    gone = sync(settings)
    assert deals(connection, "name, seats")[0] == ("Renamed", 3_000_000_000)
    assert any("seats is gone" in said for said in gone.schema_changes)

    warehouse.alter("ALTER TABLE salesforce.opportunity ADD COLUMN seats STRING")
    warehouse.update("salesforce.opportunity", {"id": "006A"}, restamp=False, seats="many")
    warehouse.update("salesforce.opportunity", {"id": "006B"}, restamp=False, seats="7")
    back = sync(settings)
    assert deals(connection, "seats") == [(None,), (7,), (None,)]
    assert letters(connection, "opportunities") == {"006A": "seats does not fit: many"}
    assert any("opportunity.seats was INT64 and is STRING" in said for said in back.schema_changes)

    connection.execute("DROP SCHEMA call_coach_sync CASCADE")
    warehouse.update("salesforce.opportunity", {"id": "006A"}, seats="8")
    assert sync(settings).schema_changes == ()
    assert deals(connection, "seats, renewal")[0] == (8, new["renewal"]), "what was added is known by its comment"


@pytest.mark.covers("P8", "P31")
def test_a_table_of_another_owner_gets_the_column_from_its_owner_and_keeps_it_in_metadata_until_then(
    settings: Settings, warehouse: Warehouse, connection: psycopg.Connection[Any], database: str
) -> None:
    connection.execute("DO $$ BEGIN CREATE ROLE writer LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
    connection.execute(f"GRANT CREATE ON DATABASE {connection.info.dbname} TO writer")  # type: ignore[arg-type]
    connection.execute("GRANT SELECT, INSERT, UPDATE, DELETE, REFERENCES ON ALL TABLES IN SCHEMA public TO writer")
    guest = settings_for(database.replace("postgres@", "writer@", 1).replace("postgres:x@", "writer:x@", 1), warehouse)
    sync(guest)
    warehouse.alter("ALTER TABLE salesforce.opportunity ADD COLUMN mood STRING")
    warehouse.update("salesforce.opportunity", {"id": "006A"}, mood="good")
    told = " ".join(sync(guest).schema_changes)
    assert deals(connection, "metadata ->> 'mood'") == [("good",), (None,), (None,)]
    alter = re.search(r"as its owner: (.*?);", told)
    assert alter, told
    connection.execute(alter[1].encode())
    assert sync(guest).status == "success"
    assert deals(connection, "mood, metadata ? 'mood'") == [("good", False), (None, False), (None, False)]
    close_pools()


@pytest.mark.covers("P8", "P10")
def test_calls_keep_a_new_column_in_metadata_and_a_removed_one_in_its_column_until_it_is_back(
    settings: Settings, warehouse: Warehouse, connection: psycopg.Connection[Any]
) -> None:
    sync(settings, "calls")
    warehouse.alter("ALTER TABLE gong.call ADD COLUMN mood STRING")
    warehouse.alter("ALTER TABLE gong.call DROP COLUMN purpose")
    warehouse.update("gong.call", {"id": 1}, mood="good", title="Renamed")
    gone = sync(settings, "calls")
    found = "SELECT title, call_type, metadata ->> 'mood' FROM calls"
    assert connection.execute(found).fetchall() == [("Renamed", "Discovery", "good")]
    assert any("gong.call.purpose is gone" in said for said in gone.schema_changes)
    assert any("mood is new" in said for said in gone.schema_changes)
    warehouse.alter("ALTER TABLE gong.call ADD COLUMN purpose STRING")
    warehouse.update("gong.call", {"id": 1}, restamp=False, purpose="Demo", _fivetran_synced=OLD)
    back = sync(settings, "calls")
    assert (back.schema_changes, connection.execute(found).fetchall()) == ((), [("Renamed", "Demo", "good")])
    assert sync(settings, "calls").updated == 0


@pytest.mark.covers("P9", "P13")
def test_a_number_that_turns_into_a_float_never_becomes_another_key_or_another_number(
    settings: Settings, warehouse: Warehouse, connection: psycopg.Connection[Any]
) -> None:
    warehouse.insert("gong.call", [call(2), call(3), call(4) | {"id": 7_000_000_000_000_000_123}])
    warehouse.insert("gong.transcript", [monologue(1, 1, "one"), monologue(1, 2, "two")])
    assert sync(settings, "calls").inserted == 4
    assert sync(settings, "transcripts").inserted == 3
    before = connection.execute("SELECT id, gong_call_id FROM calls ORDER BY gong_call_id").fetchall()
    warehouse.advance()
    warehouse.update("gong.call", {"id": 1}, title="Renamed")
    retype(warehouse, "gong.call", "duration", "FLOAT64", _1=60.0, _2=1e300, _3=3e9)
    rows = {f"_{row['id']}": float(row["id"]) for row in warehouse.rows("gong.call")}
    retype(warehouse, "gong.call", "id", "FLOAT64", **rows)
    retype(warehouse, "gong.transcript", "index", "FLOAT64", _0=0.0, _1=1.0, _2=2.5)

    calls, lines = sync(settings, "calls"), sync(settings, "transcripts")
    assert connection.execute("SELECT id, gong_call_id FROM calls ORDER BY gong_call_id").fetchall() == before
    found = connection.execute(
        "SELECT title, duration_seconds FROM calls WHERE gong_call_id < '4' ORDER BY gong_call_id"
    )
    assert found.fetchall() == [("Renamed", 60), ("Call 2", None), ("Call 3", None)]
    reasons = letters(connection, "calls")
    assert "duration does not fit: 1" in reasons.pop("2")
    assert reasons.pop("3") == "duration_seconds does not fit: 3000000000"
    assert all("has no id; id does not fit: 7" in reason for reason in reasons.values())
    assert len(reasons) == 1
    assert connection.execute("SELECT sequence_number FROM transcripts ORDER BY 1").fetchall() == [(0,), (1,), (2,)]
    assert any("index does not fit: 2.5" in reason for reason in letters(connection, "transcripts").values())
    assert any("gong.call.duration was INT64 and is FLOAT64" in said for said in calls.schema_changes)
    assert any("gong.transcript.index was INT64 and is FLOAT64" in said for said in lines.schema_changes)

    retype(warehouse, "gong.call", "duration", "STRING", **{"_1.0": "an hour", "_2.0": "61", "_3.0": " 62.4 "})
    sync(settings, "calls")
    assert "duration does not fit: an hour" in letters(connection, "calls")["1"]
    found = connection.execute("SELECT duration_seconds FROM calls WHERE gong_call_id < '4' ORDER BY gong_call_id")
    assert found.fetchall() == [(None,), (61,), (62,)]

"""Two hundred malformed rows in one load: none stops a sync, and each is published, waits, or is a dead letter."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from call_coach_assets.settings import Settings
from call_coach_assets_tests.oracle import observed
from call_coach_assets_tests.oracle.judge import sync_all
from call_coach_assets_tests.resilience.malformed import TABLES, Row, malformed_rows
from call_coach_assets_tests.warehouse import Warehouse

KEYS = {
    "gong.call": ("calls", ("id",)),
    "gong.call_speaker": ("speakers", ("call_id", "id")),
    "gong.transcript": ("transcripts", ("call_id", "index")),
    "gong.email": ("emails", ("id",)),
    "salesforce.opportunity": ("opportunities", ("id",)),
}
KEYLESS = """
SELECT count(*) FROM call_coach_sync.dead_letters
WHERE entity = %s AND reason ~ 'has no (call_|)(id|index)' AND length(reason) > 0
"""


@pytest.mark.covers("P13", "P27", "E10", "E12", "O11", "O12")
def test_of_200_malformed_rows_none_is_lost_and_none_stops_a_sync(settings: Settings, warehouse: Warehouse) -> None:
    tables = malformed_rows()
    assert sum(map(len, tables.values())) >= 200
    for table, rows in tables.items():
        warehouse.create(table, TABLES[table])
        warehouse.insert(table, rows)
    warehouse.create_all()

    results = sync_all(settings)
    assert {result.errors_count > 0 for name, result in results.items() if name != "call_opportunities"} == {True}
    with psycopg.connect(settings.database_url) as connection:
        lost = [lost for table, rows in tables.items() for lost in _lost(connection, table, rows)]
        reasons = connection.execute("SELECT count(*) FROM call_coach_sync.dead_letters WHERE reason = ''").fetchone()
    assert lost == []
    assert reasons == (0,)
    assert {name: result.rows_synced for name, result in sync_all(settings).items()} == dict.fromkeys(results, 0)


def _lost(connection: psycopg.Connection[Any], table: str, rows: list[Row]) -> list[str]:
    """The keys that are nowhere, and the rows without a key of which there is no dead letter."""
    entity, names = KEYS[table]
    world = observed(connection)
    known = {_text(key) for found in (world.rows, world.waiting, world.dead_letters) for key in found[entity]}
    keys = [_key(row, names) for row in rows]
    lost = [f"{entity} {key}" for key in keys if None not in key and key not in known]
    keyless = {repr(sorted(row.items())) for row, key in zip(rows, keys, strict=True) if None in key}
    letters = connection.execute(KEYLESS, [entity]).fetchone()
    return [*lost, *([f"{entity}: {len(keyless)} rows without a key, {letters}"] if letters != (len(keyless),) else [])]


def _key(row: Row, names: tuple[str, ...]) -> tuple[str | None, ...]:
    """The key as the sync should know it: None for a part that is blank, or no whole number where it is an index."""
    return tuple(_part(name, row.get(name)) for name in names)


def _part(name: str, value: str | None) -> str | None:
    if value is None or not value.strip(" "):
        return None
    if name == "index":
        return str(int(value)) if value.lstrip("-").isdecimal() and len(value) < 19 else None
    return value.replace("\0", "\ufffd")


def _text(key: tuple[Any, ...]) -> tuple[str | None, ...]:
    return tuple(None if part is None else str(part) for part in key)

"""Two hundred malformed rows in one load: none stops a sync, and each is published, waits, or is a dead letter."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from call_coach_assets.settings import Settings
from call_coach_assets_tests.oracle import observed
from call_coach_assets_tests.oracle.judge import sync_all
from call_coach_assets_tests.resilience.malformed import KEYLESS, TABLES, Row, malformed_rows
from call_coach_assets_tests.warehouse import Warehouse

KEYS = {
    "gong.call": ("calls", ("id",)),
    "gong.call_speaker": ("speakers", ("call_id", "id")),
    "gong.transcript": ("transcripts", ("call_id", "index")),
    "gong.email": ("emails", ("id",)),
    "salesforce.opportunity": ("opportunities", ("id",)),
}
LETTERS = """
SELECT count(*) FILTER (WHERE reason = ''), count(*) FILTER (WHERE payload ->> 'subject' LIKE 'without a key %'),
       bool_or(reason LIKE '%its key is longer than%')
FROM call_coach_sync.dead_letters
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
        letters = connection.execute(LETTERS).fetchone()
    assert lost == []
    assert letters == (0, KEYLESS, True), "each has a reason, and rows without a key are not taken for one another"
    assert {name: result.rows_synced for name, result in sync_all(settings).items()} == dict.fromkeys(results, 0)


def _lost(connection: psycopg.Connection[Any], table: str, rows: list[Row]) -> list[str]:
    """The keys that are nowhere; a part that is no key is None, and only a dead letter has it."""
    entity, names = KEYS[table]
    world = observed(connection)
    known = {_text(key) for found in (world.rows, world.waiting, world.dead_letters) for key in found[entity]}
    return [f"{entity} {key}" for key in sorted({_key(row, names) for row in rows}, key=str) if key not in known]


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

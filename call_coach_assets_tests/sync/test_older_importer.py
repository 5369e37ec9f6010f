"""A database that an older importer filled: random ids, no bookkeeping, transcripts twice. Its rows are adopted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from call_coach_assets.local.databases import create_database, drop_database
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.oracle import ENTITIES, differences, observed
from call_coach_assets_tests.oracle.judge import sync_all
from call_coach_assets_tests.oracle.observe import ids
from call_coach_assets_tests.sync.conftest import Sample

SPEAKERS = "INSERT INTO speakers (call_id, name, email, role) VALUES (%s, %s, %s, 'ae') RETURNING id"
LINES = "INSERT INTO transcripts (call_id, sequence_number, text) VALUES (%s, %s, %s)"


@pytest.fixture
def imported(sample: Sample, postgres_url: str) -> Iterator[str]:
    """A database with every second call, opportunity and email of the sample, as an older importer wrote them."""
    url = create_database(postgres_url, "imported", template="application")
    with psycopg.connect(url) as connection:
        _import(connection, sample)
    yield url
    drop_database(postgres_url, "imported")


def _import(connection: psycopg.Connection[Any], sample: Sample) -> None:
    rows = sample.world.rows
    calls = {
        key: connection.execute(
            "INSERT INTO calls (gong_call_id, title) VALUES (%s, 'stale') RETURNING id", [key]
        ).fetchone()[0]  # type: ignore[index]
        for (key,) in sorted(rows["calls"])[::2]
    }
    for (call, _), row in rows["speakers"].items():
        if call in calls and row["email"]:
            connection.execute(SPEAKERS, [calls[call], "stale", row["email"].upper()])
    for (call, number), row in rows["transcripts"].items():
        for _ in range(2 if call in calls else 0):
            connection.execute(LINES, [calls[call], number, row["text"]])
    for (key,) in sorted(rows["opportunities"])[::2]:
        connection.execute("INSERT INTO opportunities (gong_opportunity_id, name) VALUES (%s, 'stale')", [key])
    for (key,) in sorted(rows["emails"])[::2]:
        connection.execute("INSERT INTO emails (gong_email_id, recipients) VALUES (%s, NULL)", [key])


@pytest.mark.covers("P30", "P31", "S6", "O9", "E9")
def test_rows_of_an_older_importer_are_adopted_with_their_ids(sample: Sample, imported: str) -> None:
    settings = settings_for(imported, sample.warehouse)
    with psycopg.connect(imported) as connection:
        old = {entity: _ids(connection, entity) for entity in ENTITIES if entity != "call_opportunities"}
    sync_all(settings)
    with psycopg.connect(imported) as connection:
        found = observed(connection)
        now = {entity: set(by_key.values()) for entity, by_key in ids(connection).items()}
    assert differences(sample.world, found, ignore={"calls.processed_at"}) == []
    for entity in ("calls", "speakers", "opportunities", "emails"):
        assert old[entity] <= now[entity], entity
    assert len(old["transcripts"] & now["transcripts"]) == len(old["transcripts"]) // 2


def _ids(connection: psycopg.Connection[Any], entity: str) -> set[str]:
    return {str(row[0]) for row in connection.execute(f"SELECT id FROM {entity}".encode())}

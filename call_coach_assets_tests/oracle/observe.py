"""What a database holds, read into the shape of the model: UUIDs give way to natural keys."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from call_coach_assets_tests.oracle.world import ENTITIES, Key, World

_KEYS = {
    "calls": ("gong_call_id",),
    "speakers": ("gong_call_id", "gong_speaker_id"),
    "transcripts": ("gong_call_id", "sequence_number"),
    "opportunities": ("gong_opportunity_id",),
    "emails": ("gong_email_id",),
    "call_opportunities": ("gong_call_id", "gong_opportunity_id"),
}
_STATEMENTS = Path(__file__).with_name("observe.sql").read_text(encoding="utf-8")


def observed(connection: psycopg.Connection[Any], schema: str = "call_coach_sync") -> World:
    """Every row of the application's tables, the keys that wait in the inbox and those of the dead letters.

    A row whose natural key the sync does not know has None in its key.
    """
    world = World()
    with connection.cursor(row_factory=dict_row) as cursor:
        for entity in ENTITIES:
            for row in cursor.execute(_statement(entity, schema)).fetchall():
                world.rows[entity][_key(entity, row)] = _shaped(row)
            world.waiting[entity] = set(_waiting(cursor, entity, schema))
            world.dead_letters[entity] = set(_dead_letters(cursor, entity, schema))
    return world


def ids(connection: psycopg.Connection[Any], schema: str = "call_coach_sync") -> dict[str, dict[Key, str]]:
    """The id of every row of the five tables that have one, by natural key."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return {
            entity: {_key(entity, row): str(row["id"]) for row in cursor.execute(_statement(entity, schema)).fetchall()}
            for entity in ENTITIES
            if entity != "call_opportunities"
        }


def versions(connection: psycopg.Connection[Any]) -> dict[str, set[tuple[str, str]]]:
    """The physical version of every row, as (place, transaction): equal before and after where nothing was written."""
    return {
        entity: set(connection.execute(_versions(entity)).fetchall())
        for entity in (*ENTITIES, "coaching_sessions", "speaker_role_history")
    }


def _versions(table: str) -> sql.Composed:
    return sql.SQL("SELECT tableoid::regclass || ctid::text, xmin::text FROM {}").format(sql.Identifier(table))


def _statement(entity: str, schema: str) -> sql.Composed:
    text = _STATEMENTS.partition(f"-- name: {entity}\n")[2].partition("-- name:")[0]
    return sql.SQL(text).format(schema=sql.Identifier(schema))


def _key(entity: str, row: dict[str, Any]) -> Key:
    return tuple(row[column] for column in _KEYS[entity])


def _shaped(row: dict[str, Any]) -> dict[str, Any]:
    """Times in UTC, addresses sorted, and what the sync notes in `metadata` as columns of their own."""
    metadata = row.get("metadata") or {}
    shaped = {"source_deleted": bool(row.get("source_deleted_at") or metadata.get("source_deleted_at")), **row}
    if "metadata" in row:
        shaped["warnings"] = bool(metadata.get("warnings"))
    for column in ("scheduled_at", "processed_at", "sent_at"):
        if shaped.get(column) is not None:
            shaped[column] = shaped[column].replace(tzinfo=shaped[column].tzinfo or UTC).astimezone(UTC)
    if shaped.get("recipients") is not None:
        shaped["recipients"] = sorted(shaped["recipients"])
    return shaped


def _waiting(cursor: psycopg.Cursor[dict[str, Any]], entity: str, schema: str) -> list[Key]:
    if cursor.execute("SELECT to_regclass(%s) AS inbox", [f"{schema}.inbox_{entity}"]).fetchone()["inbox"] is None:  # type: ignore[index]
        return []
    columns = sql.SQL(", ").join(map(sql.Identifier, _KEYS[entity]))
    statement = sql.SQL("SELECT DISTINCT {} FROM {} WHERE NOT _deleted AND {} IS NOT NULL").format(
        columns, sql.Identifier(schema, f"inbox_{entity}"), sql.Identifier(_KEYS[entity][-1])
    )
    return [_key(entity, row) for row in cursor.execute(statement).fetchall()]


def _dead_letters(cursor: psycopg.Cursor[dict[str, Any]], entity: str, schema: str) -> list[Key]:
    """The keys of rows that were not published, from the rows themselves."""
    statement = sql.SQL("SELECT payload FROM {} WHERE entity = %s").format(sql.Identifier(schema, "dead_letters"))
    letters = cursor.execute(statement, [entity]).fetchall()
    return [tuple(letter["payload"].get(column) for column in _KEYS[entity]) for letter in letters]

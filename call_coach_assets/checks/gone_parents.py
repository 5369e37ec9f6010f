"""Keys of parents that the source deleted: their children may still be in the source, and are not in the target."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection

MOST = 10_000  # the newest; more would make the query long, and the older ones are hardly in the source any more


def gone_parents(
    connection: Connection, entity: Entity, entities: Mapping[str, Entity], schema: str
) -> dict[str, list[str]]:
    """By column of the query: the deleted keys of the parent that the column names, where one column names it."""
    gone = {
        reference.by[0]: _tombstones(connection, reference.entity, schema)
        for reference in entity.references
        if reference.required and len(reference.by) == 1 and reference.entity in entities
    }
    return {column: keys for column, keys in gone.items() if keys}


def _tombstones(connection: Connection, parent: str, schema: str) -> list[str]:
    statement = sql.SQL("SELECT key FROM {tombstones} WHERE entity = %s ORDER BY deleted_at DESC LIMIT %s")
    rows = connection.execute(statement.format(**Names(schema).parts()), [parent, MOST]).fetchall()
    return [row[0] for row in rows]

"""The sync's own tables: made on first use, found again ever after, by any number of processes at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any, LiteralString

from psycopg import sql

from call_coach_assets.sync.entity import ColumnType, Entity, Placement
from call_coach_assets.sync.names import ROWS_SUFFIX, TABLES, Names
from call_coach_assets.sync.postgres import Connection, Pool, transaction

POSTGRES_TYPES: Mapping[ColumnType, LiteralString] = {
    ColumnType.TEXT: "text",
    ColumnType.INTEGER: "bigint",
    ColumnType.DECIMAL: "numeric",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DATE: "date",
    ColumnType.TIMESTAMP: "timestamptz",
    ColumnType.JSON: "jsonb",
    ColumnType.TEXT_ARRAY: "text[]",
}
_MISSING = """
SELECT count(*) FROM (
    SELECT name, to_regclass(format('%%I.%%I', %(schema)s::text, name)) AS found
    FROM unnest(%(tables)s::text[]) AS wanted (name)
) t
WHERE found IS NULL OR (name = ANY (%(rows)s) AND NOT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = found AND attname = 'target_hash'
))
"""


@dataclass(frozen=True)
class Refetch:
    """Rows that the next sync reads again: those whose query column `column` equals `key`."""

    column: str
    key: str
    since: datetime


def ensure(database: Pool | Connection, entities: Mapping[str, Entity], schema: str) -> None:
    """Make those of the sync's tables that are missing; one SELECT where none is. Safe in many processes at once."""
    rows = [name + ROWS_SUFFIX for name in entities]
    wanted = {"schema": schema, "tables": [*TABLES, *rows], "rows": rows}
    with transaction(database, "preparing the sync's own tables") as connection:
        if _missing(connection, wanted):
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [schema])
            _ensure_schema(connection, schema)
            connection.execute(_definition(Names(schema)))
            for entity in entities.values():
                connection.execute(_rows_definition(Names(schema), entity))


def _missing(connection: Connection, wanted: Mapping[str, Any]) -> int:
    row = connection.execute(_MISSING, wanted).fetchone()
    return int(row[0]) if row else 0


def _ensure_schema(connection: Connection, schema: str) -> None:
    """Make the schema where there is none: IF NOT EXISTS wants the right to create one even where it is there."""
    row = connection.execute("SELECT to_regnamespace(quote_ident(%s)) IS NULL", [schema]).fetchone()
    if row is not None and row[0]:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))


def _definition(names: Names) -> sql.Composed:
    text = files(__package__).joinpath("bookkeeping.sql").read_text(encoding="utf-8")
    return sql.SQL(text).format(**names.parts())


def _rows_definition(names: Names, entity: Entity) -> sql.Composed:
    """The table beside a target: which load wrote each row, and the key columns that the target lacks."""
    identity = [sql.Identifier(column) for column in identity_columns(entity)]
    kept = [column for column in entity.columns if column.placement is Placement.BOOKKEEPING]
    statement = sql.SQL(
        "CREATE TABLE IF NOT EXISTS {rows} ({columns}, load bigint NOT NULL, source_deleted_at timestamptz,"
        " PRIMARY KEY ({identity}));"
        " ALTER TABLE {rows} ADD COLUMN IF NOT EXISTS source_digest uuid, ADD COLUMN IF NOT EXISTS target_hash bigint;"
        " CREATE INDEX IF NOT EXISTS {deleted} ON {rows} (source_deleted_at) WHERE source_deleted_at IS NOT NULL"
    ).format(
        rows=names.rows(entity.name),
        deleted=sql.Identifier(f"{entity.name}_rows_deleted"),
        identity=sql.SQL(", ").join(identity),
        columns=sql.SQL(", ").join(
            [sql.SQL("{} uuid NOT NULL").format(column) for column in identity]
            + [
                sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(POSTGRES_TYPES[column.type]))
                for column in kept
            ]
        ),
    )
    if entity.match:
        return sql.Composed([statement])
    unique = sql.SQL("; CREATE UNIQUE INDEX IF NOT EXISTS {name} ON {rows} ({key})").format(
        name=sql.Identifier(f"{entity.name}_rows_key"),
        rows=names.rows(entity.name),
        key=sql.SQL(", ").join(map(sql.Identifier, entity.key)),
    )
    return statement + unique


def identity_columns(entity: Entity) -> tuple[str, ...]:
    """The columns of the target that name one of its rows: `id`, or the references of a pure link table."""
    return ("id",) if entity.has_id else entity.match


def read_refetch(database: Pool | Connection, entity: str, schema: str) -> list[Refetch]:
    """What is to be read again, oldest first; the publish of what was read takes it off the list."""
    statement = "SELECT column_name, key, since FROM {refetch} WHERE entity = %s ORDER BY since, column_name, key"
    with transaction(database, f"reading what to read again for {entity}") as connection:
        rows = connection.execute(sql.SQL(statement).format(**Names(schema).parts()), [entity]).fetchall()
    return [Refetch(*row) for row in rows]


def request_refetch(connection: Connection, entity: str, column: str, keys: Iterable[str], schema: str) -> None:
    """Have the next sync of `entity` read the rows whose query column `column` is one of `keys`."""
    statement = """
        INSERT INTO {refetch} (entity, column_name, key, since)
        SELECT %s, %s, wanted.key, clock_timestamp() FROM unnest(%s::text[]) AS wanted (key)
        ON CONFLICT (entity, column_name, md5(key)) DO UPDATE SET since = excluded.since
    """
    connection.execute(sql.SQL(statement).format(**Names(schema).parts()), [entity, column, sorted(set(keys))])

"""Adding a nullable column to an application's table for a source column that appeared later.

The ALTER never waits behind the application: what it waits for longer than LOCK_WAIT is tried again by the next run.
A comment on the column says where it comes from, so that it is recognised even where the sync's own schema is lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.errors import DeadlockDetected, InsufficientPrivilege, LockNotAvailable, QueryCanceled

from call_coach_assets.sync.postgres import Connection, Pool, transaction

LOCK_WAIT = "500ms"
_LONGEST_NAME = 63
_MARK = "Added by call-coach for the source column "
_BUSY = (LockNotAvailable, DeadlockDetected, QueryCanceled)
_TYPES: Mapping[str, str] = {
    "STRING": "text",
    "INT64": "bigint",
    "FLOAT64": "double precision",
    "NUMERIC": "numeric",
    "BIGNUMERIC": "numeric",
    "BOOL": "boolean",
    "TIMESTAMP": "timestamptz",
    "DATETIME": "timestamp",
    "DATE": "date",
    "JSON": "jsonb",
    "ARRAY": "jsonb",
    "STRUCT": "jsonb",
}
_MARKED = """
SELECT attname::text, col_description(attrelid, attnum) FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND col_description(attrelid, attnum) LIKE %s
"""
_ALTER = "ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} {type} NULL"
_COMMENT = "COMMENT ON COLUMN {table}.{column} IS {mark}"


@dataclass(frozen=True)
class AddedColumn:
    """A column `name` of the target `table` for the source column `source`, of BigQuery's type `kind`."""

    table: str
    name: str
    source: str
    kind: str

    @property
    def alter(self) -> sql.Composed:
        """The statement that adds it."""
        kind = sql.SQL(_TYPES.get(self.kind, "text"))
        return sql.SQL(_ALTER).format(table=sql.Identifier(self.table), column=sql.Identifier(self.name), type=kind)


def target_name(source: str) -> str:
    """The snake_case name of a target column for a source column: `dealSize__c` becomes `deal_size__c`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", source)
    name = re.sub(r"\W", "_", words).lower().strip("_") or "column"
    name = f"c_{name}" if name[0].isdigit() else name
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore")


def marked_columns(connection: Connection, table: str) -> dict[str, str]:
    """The columns of a table that a sync added, with the source columns that they are for."""
    named = sql.Identifier(table).as_string(connection)
    found = connection.execute(_MARKED, [named, f"{_MARK}%"]).fetchall()
    return {column: comment.removeprefix(_MARK) for column, comment in found}


def add_column(database: Pool, column: AddedColumn) -> str | None:
    """Add the column, or say why it is not added. Raises TargetUnavailableError where Postgres is gone."""
    with transaction(database, f"adding {column.name} to {column.table}") as connection:
        try:
            with connection.transaction():
                connection.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_WAIT])
                connection.execute(column.alter)
                connection.execute(
                    sql.SQL(_COMMENT).format(
                        table=sql.Identifier(column.table),
                        column=sql.Identifier(column.name),
                        mark=sql.Literal(_MARK + column.source),
                    )
                )
        except psycopg.Error as error:
            if connection.closed:
                raise
            return _why_not(error, column.alter.as_string(connection))
    return None


def _why_not(error: psycopg.Error, statement: str) -> str:
    if isinstance(error, _BUSY):
        return "the application is using the table; the next sync tries again"
    if isinstance(error, InsufficientPrivilege):
        return f"the table belongs to another role; as its owner: {statement}; the next sync fills it"
    return f"Postgres refuses it: {error.diag.message_primary}"

"""What the target's end is like after a publish: rows, duplicates, orphans, NULLs, and what is not published yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from typing import Any

from psycopg import sql

from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection
from call_coach_assets.sync.reconciliations import LastReconciliation, last_reconciliation

_NEVER_NULL = """
SELECT a.attname FROM pg_attribute a
WHERE a.attrelid = to_regclass(quote_ident(%s)) AND a.attnotnull AND a.attnum > 0 AND NOT EXISTS (
    SELECT FROM pg_constraint c
    WHERE c.conrelid = a.attrelid AND c.contype = 'n' AND NOT c.convalidated AND a.attnum = ANY (c.conkey)
)
"""


@dataclass(frozen=True)
class TargetMeasure:
    """Counts are rows of the entity's target table unless they say otherwise."""

    rows: int
    kept_deleted: int  # deleted in the source, kept because the application hangs rows on them
    duplicates: int  # keys that more than one row has
    orphans: dict[str, int] = field(default_factory=dict)  # by reference: rows whose parent is not there
    nulls: dict[str, int] = field(default_factory=dict)  # by required column
    unlinked: int = 0  # optional references that wait for their parent
    dead_letters: int = 0
    dead_letters_since: datetime | None = None
    waiting_since: datetime | None = None  # when the oldest row that is still in the inbox was landed
    reconciled: LastReconciliation | None = None  # None: never


def measure_target(
    connection: Connection, entity: Entity, entities: Mapping[str, Entity], schema: str
) -> TargetMeasure:
    """Measure the target of `entity`; psycopg's errors pass through."""
    names = Names(schema)
    required = [column.name for column in entity.columns if column.required and column.name in entity.target_columns]
    filled = _never_null(connection, entity)
    nullable = [name for name in required if name not in filled]
    rows, *nulls = _row(connection, _counts(entity, nullable))
    unlinked, dead, dead_since, kept = _unpublished(connection, entity, names)
    return TargetMeasure(
        rows=rows,
        kept_deleted=kept,
        duplicates=_row(connection, _duplicates(entity, names))[0],
        orphans={
            reference.column: _row(
                connection, _orphans(entity.name, reference.column, entities[reference.entity].name)
            )[0]
            for reference in entity.references
        },
        nulls=dict.fromkeys(required, 0) | dict(zip(nullable, nulls, strict=True)),
        unlinked=unlinked,
        dead_letters=dead,
        dead_letters_since=dead_since,
        waiting_since=_waiting_since(connection, entity, names),
        reconciled=last_reconciliation(connection, entity.name, schema),
    )


def _never_null(connection: Connection, entity: Entity) -> set[str]:
    """The columns that Postgres keeps filled: to count their NULLs would be to read every row for nothing."""
    return {row[0] for row in connection.execute(_NEVER_NULL, [entity.name])}


def _counts(entity: Entity, columns: list[str]) -> sql.Composed:
    nulls = [sql.SQL("count(*) - count({})").format(sql.Identifier(column)) for column in columns]
    return sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join([sql.SQL("count(*)"), *nulls]), sql.Identifier(entity.name)
    )


def _unpublished(connection: Connection, entity: Entity, names: Names) -> tuple[int, int, datetime | None, int]:
    text = files(__package__).joinpath("target_measure.sql").read_text(encoding="utf-8")
    row = _row(
        connection,
        sql.SQL(text).format(**names.parts(), rows=names.rows(entity.name)),
        {"entity": entity.name},
    )
    return (row[0], row[1], row[2], row[3])


def _waiting_since(connection: Connection, entity: Entity, names: Names) -> datetime | None:
    """When the oldest row of the inbox was landed: dlt's load ids are Unix times."""
    inbox = names.inbox(entity.name)
    if _row(connection, sql.SQL("SELECT to_regclass({})").format(sql.Literal(inbox.as_string(connection))))[0] is None:
        return None
    oldest = sql.SQL("SELECT to_timestamp(min(_dlt_load_id::float8)) FROM {}").format(inbox)
    since: datetime | None = _row(connection, oldest)[0]
    return since


def _duplicates(entity: Entity, names: Names) -> sql.Composed:
    """Keys that several rows have: in the target where it has the key, else rows that adoption should have found."""
    if entity.match:
        return sql.SQL(
            "SELECT count(*) FROM (SELECT FROM {target} GROUP BY {key} HAVING count(*) > 1) AS twice"
        ).format(target=sql.Identifier(entity.name), key=sql.SQL(", ").join(map(sql.Identifier, entity.match)))
    same = sql.SQL(" AND ").join(
        sql.SQL("lower(known.{column}::text) = lower(other.{column}::text)").format(column=sql.Identifier(column))
        for column in entity.adopt
    )
    return sql.SQL(
        "SELECT count(*) FROM {target} AS other WHERE NOT EXISTS (SELECT FROM {rows} AS r WHERE r.id = other.id)"
        " AND EXISTS (SELECT FROM {target} AS known JOIN {rows} AS r USING (id) WHERE {same})"
    ).format(target=sql.Identifier(entity.name), rows=names.rows(entity.name), same=same)


def _orphans(table: str, column: str, parent: str) -> sql.Composed:
    return sql.SQL(
        "SELECT count(*) FROM {table} AS child LEFT JOIN {parent} AS parent ON parent.id = child.{column}"
        " WHERE child.{column} IS NOT NULL AND parent.id IS NULL"
    ).format(table=sql.Identifier(table), parent=sql.Identifier(parent), column=sql.Identifier(column))


def _row(connection: Connection, statement: sql.Composed, parameters: dict[str, str] | None = None) -> tuple[Any, ...]:
    return connection.execute(statement, parameters).fetchone() or ()

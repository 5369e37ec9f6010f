"""The columns that the target table really has, for the UI."""

from __future__ import annotations

from dataclasses import dataclass

from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.postgres import Connection

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
       coalesce(col_description(a.attrelid, a.attnum), ''),
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indnkeyatts = 1
               AND i.indkey[0] = a.attnum)
FROM pg_attribute a
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_APPLICATION_OWNED = "Owned by the application: the sync does not touch it."
_OWN_ID = "Made by the sync once, and never changed."


@dataclass(frozen=True)
class TargetColumn:
    """A column of the target table as Postgres has it, with what the declaration says about it."""

    name: str
    type: str
    nullable: bool
    description: str
    unique: bool


def target_columns(connection: Connection, entity: Entity) -> tuple[TargetColumn, ...]:
    """The columns of the entity's table, in order; none where there is no such table."""
    said = descriptions(entity)
    rows = connection.execute(_COLUMNS, [f'"{entity.name}"']).fetchall()
    return tuple(
        TargetColumn(name, kind, nullable, said.get(name) or comment or _APPLICATION_OWNED, unique)
        for name, kind, nullable, comment, unique in rows
    )


def descriptions(entity: Entity) -> dict[str, str]:
    """What the declaration says about the columns of the target."""
    columns = {name: entity.column(name).description for name in entity.target_columns}
    references = {reference.column: reference.description for reference in entity.references}
    touched = {entity.touch: "When a sync last changed the row."} if entity.touch else {}
    return {"id": _OWN_ID, **columns, **references, **touched}

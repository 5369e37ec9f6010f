"""What an entity's target table and inbox look like right now, as Postgres' catalog has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import sql

from call_coach_assets.errors import TargetMissingError
from call_coach_assets.sync.bookkeeping import POSTGRES_TYPES, identity_columns
from call_coach_assets.sync.entity import Entity, Placement
from call_coach_assets.sync.names import INBOX_PREFIX, Names
from call_coach_assets.sync.postgres import Connection

SOURCE_DELETED_AT = "source_deleted_at"
METADATA = "metadata"

_COLUMNS = """
SELECT attname::text, format_type(atttypid, atttypmod), attgenerated <> ''
FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""
_UNIQUE = """
SELECT EXISTS (
    SELECT FROM pg_index i
    WHERE i.indrelid = to_regclass(%(table)s) AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
      AND (SELECT array_agg(a.attname::text) FROM pg_attribute a
           WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)) <@ %(columns)s::text[]
)
"""
_INDEXED = """
SELECT EXISTS (
    SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = to_regclass(%(table)s) AND a.attname = (%(columns)s::text[])[1] AND i.indisvalid
      AND i.indpred IS NULL
)
"""
_EXTRAS = """
SELECT name, target_column FROM {source_columns} WHERE entity = %s AND target_column IS NOT NULL ORDER BY name
"""


@dataclass(frozen=True)
class Target:
    """The target of one entity: `types` is {column: Postgres type}, `extras` {unknown source column: target column}."""

    entity: Entity
    types: Mapping[str, str]
    inbox: frozenset[str]  # the inbox's columns, none where dlt has not landed a row yet
    extras: Mapping[str, str]
    match_is_unique: bool
    match_is_indexed: bool  # whether an index of the target finds the rows that agree on the first column
    homeless: tuple[str, ...] = ()  # unknown source columns that are meant to have a target column, and have none yet

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that name a row of the target."""
        return identity_columns(self.entity)

    @property
    def application_columns(self) -> tuple[str, ...]:
        """The columns that the sync never writes after the insert."""
        entity = self.entity
        synced = {c.name for c in entity.columns if c.placement is Placement.SYNCED}
        written = {*synced, *(r.column for r in entity.references), *self.identity, *self.extras.values()}
        return tuple(name for name in self.types if name not in written)

    @property
    def keeps_metadata(self) -> bool:
        """Whether the target has a synced `metadata`, where a row that stays after its source says so."""
        return METADATA in self.entity.target_columns

    def type_of(self, column: str) -> str:
        """The Postgres type in which a declared column is staged."""
        declared = self.entity.column(column)
        kept = declared.placement in {Placement.SYNCED, Placement.INITIAL}
        return self.types[column] if kept else POSTGRES_TYPES[declared.type]


def read_target(connection: Connection, entity: Entity, names: Names) -> Target:
    """Look the entity's tables up. Raises TargetMissingError, naming them, where a table or columns are missing."""
    rows = connection.execute(_COLUMNS, [_quoted(connection, entity.name)]).fetchall()
    types = {name: kind for name, kind, generated in rows if not generated}
    _require(entity, types)
    inbox = connection.execute(_COLUMNS, [_quoted(connection, names.schema, INBOX_PREFIX + entity.name)]).fetchall()
    extras = connection.execute(sql.SQL(_EXTRAS).format(**names.parts()), [entity.name]).fetchall()
    evolves = entity.new_columns == "columns"
    match = {"table": _quoted(connection, entity.name), "columns": list(entity.match)}
    unique, indexed = (connection.execute(asked, match).fetchone() for asked in (_UNIQUE, _INDEXED))
    return Target(
        entity=entity,
        types=types,
        inbox=frozenset(name for name, _, _ in inbox),
        extras={name: column for name, column in extras if evolves and column in types.keys() - reserved(entity)},
        match_is_unique=bool(unique and unique[0]),
        match_is_indexed=bool(indexed and indexed[0]),
        homeless=tuple(name for name, column in extras if evolves and column not in types),
    )


def reserved(entity: Entity) -> set[str]:
    """The names that the declaration uses itself, which no added column can have."""
    references = {reference.column for reference in entity.references}
    return {"id", *(column.name for column in entity.columns), *references, *filter(None, [entity.touch])}


def _quoted(connection: Connection, *name: str) -> str:
    return sql.Identifier(*name).as_string(connection)


def _require(entity: Entity, types: Mapping[str, str]) -> None:
    references = [reference.column for reference in entity.references]
    needed = [*identity_columns(entity), *entity.target_columns, *references, *([entity.touch] if entity.touch else [])]
    missing = sorted({column for column in needed if column not in types})
    if missing:
        lacking = f"the table has no {', '.join(missing)}" if types else "there is no such table"
        raise TargetMissingError(
            f"The table {entity.name} of the application is not as its declaration says",
            why=lacking,
            remedy="run the application's migrations, or point DATABASE_URL at its database",
        )

"""Which rows hang on which: the foreign keys that point at the entities' tables, as Postgres' catalog has them.

Names decide nothing. A key from a partitioned table counts once, composite keys count as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.postgres import Connection

_DISCOVER = """
WITH owned AS (
    SELECT name, to_regclass(quote_ident(name))::oid AS oid FROM unnest(%s::text[]) AS declared (name)
)
SELECT n.nspname, r.relname, child.name, parent.name, c.confdeltype = 'c',
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum ORDER BY k.place),
       ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum ORDER BY k.place),
       c.confdeltype IN ('n', 'd')
FROM pg_constraint c
JOIN owned parent ON parent.oid = c.confrelid
JOIN pg_class r ON r.oid = c.conrelid
JOIN pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN owned child ON child.oid = c.conrelid
WHERE c.contype = 'f' AND c.conparentid = 0
ORDER BY n.nspname, r.relname, c.conname
"""


@dataclass(frozen=True)
class ForeignKey:
    """One foreign key: `columns` of `table` point at `parent_columns` of the entity `parent`."""

    table: sql.Identifier
    entity: str | None  # the entity whose table holds the key, None where the sync does not own that table
    parent: str
    columns: tuple[str, ...]
    parent_columns: tuple[str, ...]
    cascades: bool  # deleting the parent's row deletes this one
    clears: bool  # deleting the parent's row sets the columns to NULL


@dataclass(frozen=True)
class ForeignKeys:
    """Every foreign key that points at a table of an entity."""

    keys: tuple[ForeignKey, ...]
    entities: Mapping[str, Entity]

    def chains(self, parent: str, above: tuple[ForeignKey, ...] = ()) -> Iterator[tuple[ForeignKey, ...]]:
        """Every way down from the entity `parent`, through rows that its deletion deletes.

        A chain ends with a key that the deletion cascades through (of a table that the sync owns), or with a key
        that protects: one of a table that it does not own, or that would refuse the deletion.
        """
        for key in self.keys:
            if key.parent != parent or key in above or self.is_loose(key):
                continue
            yield (*above, key)
            if key.entity is not None and key.cascades:
                yield from self.chains(key.entity, (*above, key))

    def is_loose(self, key: ForeignKey) -> bool:
        """Whether the row outlives its parent: an optional reference of an entity, or one that Postgres clears."""
        if key.entity is None:
            return False
        optional = {r.column for r in self.entities[key.entity].references if not r.required}
        return key.clears or (len(key.columns) == 1 and key.columns[0] in optional)

    @staticmethod
    def protects(chain: tuple[ForeignKey, ...]) -> bool:
        """Whether a row at the end of the chain keeps the row at its start from being deleted."""
        return chain[-1].entity is None or not chain[-1].cascades


def read_foreign_keys(connection: Connection, entities: Mapping[str, Entity]) -> ForeignKeys:
    """Discover the foreign keys that point at the tables of `entities`."""
    rows = connection.execute(_DISCOVER, [list(entities)]).fetchall()
    keys = tuple(
        ForeignKey(
            table=sql.Identifier(schema, table),
            entity=child,
            parent=parent,
            columns=tuple(columns),
            parent_columns=tuple(parent_columns),
            cascades=cascades,
            clears=clears,
        )
        for schema, table, child, parent, cascades, columns, parent_columns, clears in rows
    )
    return ForeignKeys(keys, entities)


def joined(chain: tuple[ForeignKey, ...], root: str = "t") -> sql.Composed:
    """The joins that follow a chain down from alias `root`; the last table's alias is `c<length of the chain>`."""
    steps = []
    for depth, key in enumerate(chain, start=1):
        child, parent = sql.Identifier(f"c{depth}"), sql.Identifier(root if depth == 1 else f"c{depth - 1}")
        pairs = [
            sql.SQL("{}.{} = {}.{}").format(child, sql.Identifier(own), parent, sql.Identifier(theirs))
            for own, theirs in zip(key.columns, key.parent_columns, strict=True)
        ]
        steps.append(sql.SQL("JOIN {} {} ON {}").format(key.table, child, sql.SQL(" AND ").join(pairs)))
    return sql.SQL(" ").join(steps)

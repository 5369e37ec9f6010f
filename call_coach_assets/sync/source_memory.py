"""What a sync has seen of an entity's source columns, and the places that new ones get in the target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from call_coach_assets.sync.adapt import AdaptedQuery
from call_coach_assets.sync.added_columns import AddedColumn, add_column, marked_columns, target_name
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection, Pool, transaction
from call_coach_assets.sync.target import Target, read_target, reserved

_BASE = "*"
_READ = """
SELECT s.name, s.type, s.target_column, s.filled_at IS NOT NULL, s.first_seen <= coalesce(b.first_seen, 'infinity')
FROM {source_columns} s LEFT JOIN {source_columns} b ON b.entity = s.entity AND b.name = '*' WHERE s.entity = %s
"""
_WRITE = """
INSERT INTO {source_columns} AS s (entity, name, type, target_column, filled_at)
VALUES (%(entity)s, %(name)s, %(type)s, %(column)s, CASE WHEN %(filled)s THEN now() END)
ON CONFLICT (entity, name) DO UPDATE SET target_column = coalesce(s.target_column, excluded.target_column)
"""
_BASE_IS = """
INSERT INTO {source_columns} AS s (entity, name, type) VALUES (%s, '*', %s)
ON CONFLICT (entity, name) DO UPDATE SET type = excluded.type, first_seen = now()
"""
_EMPTIED = "UPDATE {source_columns} SET filled_at = NULL WHERE entity = %s AND name = ANY (%s)"


@dataclass(frozen=True)
class Seen:
    """What is known of a source column; `first` where it was there at the entity's first sync."""

    type: str
    column: str | None
    filled: bool
    first: bool


class SourceMemory:
    """What was seen of an entity's source columns, and the target as it is; `live` is {name: BigQuery type}."""

    seen: dict[str, Seen]
    target: Target
    marked: Mapping[str, str]

    def __init__(self, database: Pool, entity: Entity, query: AdaptedQuery, names: Names) -> None:
        self.database = database
        self.entity = entity
        self.query = query
        self.names = names
        self.live = {**query.source_types, **{name.lower(): kind for name, kind in query.unknown_columns.items()}}

    def look(self) -> None:
        """Read both; where nothing was seen of this base table yet, all its columns are as old as it is."""
        with self._transaction() as connection:
            self.target = read_target(connection, self.entity, self.names)
            self.marked = marked_columns(connection, self.entity.name)
            self.seen = self._read(connection)
            if _BASE not in self.seen or self.seen[_BASE].type != self.query.base_path:
                self._begin(connection)
                self.seen = self._read(connection)

    def note_declared(self) -> None:
        """Declared columns that appear: what they feed is filled, unless their table is new, and so are its stamps."""
        tables = {name.rpartition(".")[0] for name in self.seen}
        for name, kind in self.query.source_types.items():
            if name not in self.seen:
                self._note(name, kind, None, filled=name.rpartition(".")[0] not in tables)

    def note_gone(self) -> None:
        """What a column fed is to be filled again when it comes back."""
        gone = [name for name, known in self.seen.items() if known.filled and name not in self.live]
        if gone:
            with self._transaction() as connection:
                connection.execute(self._statement(_EMPTIED), [self.entity.name, gone])

    def place(self, spelled: str) -> Iterator[str]:
        """Give a column that the mapping does not know its place in the target; a warning where it gets none."""
        name = spelled.lower()
        known = self.seen.get(name)
        if known is not None and known.first and known.column is None:
            return
        kind = known.type if known else self.live[name]
        if self.entity.new_columns != "columns":
            self._note(name, kind, None)
            if known is None:
                yield f"the source column {name} is new: {self.entity.name} keeps it in {self.entity.new_columns}"
            return
        column = known.column if known and known.column else target_name(spelled)
        if self._taken(name, column):
            self._note(name, kind, None)
            yield f"the source column {name} is new, and not added: {self.entity.name}.{column} is something else"
            return
        self._note(name, kind, column)
        if column not in self.target.types:
            refused = add_column(self.database, AddedColumn(self.entity.name, column, name, kind))
            said = f"not added to {self.entity.name}: {refused}" if refused else f"added as {self.entity.name}.{column}"
            yield f"the source column {name} is new, and {said}"

    def _taken(self, name: str, column: str) -> bool:
        others = {known.column for other, known in self.seen.items() if other != name}
        if column in reserved(self.entity) | others:
            return True
        known = self.seen.get(name)
        ours = (known is not None and known.column == column) or self.marked.get(column) == name
        return column in self.target.types and not ours

    def _begin(self, connection: Connection) -> None:
        """Note every column there is; those that a sync added to the target before are known by their mark."""
        connection.execute(self._statement(_BASE_IS), [self.entity.name, self.query.base_path])
        added = {source: column for column, source in self.marked.items()}
        rows = [self._row(name, kind, added.get(name), name not in added) for name, kind in self.live.items()]
        connection.cursor().executemany(self._statement(_WRITE), rows)

    def _note(self, name: str, kind: str, column: str | None, *, filled: bool = False) -> None:
        known = self.seen.get(name)
        if known is not None and known.column == column:
            return
        with self._transaction() as connection:
            connection.execute(self._statement(_WRITE), self._row(name, kind, column, filled))
        self.seen[name] = Seen(kind, column, filled, first=False)

    def _row(self, name: str, kind: str, column: str | None, filled: bool) -> dict[str, object]:
        return {"entity": self.entity.name, "name": name, "type": kind, "column": column, "filled": filled}

    def _read(self, connection: Connection) -> dict[str, Seen]:
        rows = connection.execute(self._statement(_READ), [self.entity.name]).fetchall()
        return {name: Seen(*rest) for name, *rest in rows}

    def _statement(self, text: LiteralString) -> sql.Composed:
        return sql.SQL(text).format(**self.names.parts())

    def _transaction(self) -> AbstractContextManager[Connection]:
        return transaction(self.database, f"comparing the source columns of {self.entity.name} with those seen before")

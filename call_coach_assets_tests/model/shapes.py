"""The source's columns as a history changes them, and what a column that is gone leaves in the target."""

from __future__ import annotations

from call_coach_assets_tests.model.both_ends import BothEnds
from call_coach_assets_tests.model.tiny_schema import DROPPABLE, ENTITY_OF, as_stored
from call_coach_assets_tests.model.tiny_source import SourceRow, Values
from call_coach_assets_tests.oracle import Key, World
from call_coach_assets_tests.oracle.source import Source
from call_coach_assets_tests.oracle.values import text, whole

_KEYS = {
    "calls": ("id",),
    "speakers": ("call_id", "id"),
    "transcripts": ("call_id", "index"),
    "opportunities": ("id",),
    "emails": ("id",),
}
Column = tuple[str, str]  # table and column of the source


class Shapes:
    """Columns that were added, that are gone, and whose type changed, since a history began."""

    def __init__(self, ends: BothEnds) -> None:
        self.ends = ends
        self.added: list[Column] = []
        self.gone: dict[Column, str] = {}  # with the type that it had
        self.left: dict[Column, dict[Key, Values]] = {}  # what the target held when the column went

    def add(self, table: str) -> None:
        """A column appears at the source, filled by what lands from now on."""
        name = f"late_{len(self.added)}"
        self.ends.reshape(table, {**self.ends.warehouse.schema(table), name: "STRING"})
        self.added.append((table, name))

    def droppable(self, table: str) -> list[str]:
        """The columns of a table that may go: one that a target column is made of, and those that appeared."""
        appeared = [name for where, name in self.added if where == table and table != "gong.call"]
        return [name for name in (DROPPABLE[table][0], *appeared) if (table, name) not in self.gone]

    def drop(self, table: str, name: str) -> None:
        """A column goes, with what it holds; the target keeps what it made of it."""
        schema = self.ends.warehouse.schema(table)
        targets = DROPPABLE[table][1] if name == DROPPABLE[table][0] else (name,)
        rows = self.ends.observe()[0].rows[ENTITY_OF[table]]
        self.left[table, name] = {key: {t: row.get(t) for t in targets} for key, row in rows.items()}
        self.gone[table, name] = schema[name]
        self.ends.reshape(table, {column: kind for column, kind in schema.items() if column != name})

    def give_back(self, table: str, name: str) -> None:
        """A column that went is there again, and holds what it held and what landed meanwhile."""
        kind = self.gone.pop((table, name))
        del self.left[table, name]
        self.ends.reshape(table, {**self.ends.warehouse.schema(table), name: kind})

    def retype(self, table: str, name: str, kind: str) -> bool:
        """A column gets another type; rows whose value that changes are stamped. Returns whether it had another."""
        schema = self.ends.warehouse.schema(table)
        if schema.get(name, kind) == kind:
            return False
        for row, values in self.ends.present.items():
            if row.table == table and (as_stored(values.get(name), schema[name]) is None) != (
                as_stored(values.get(name), kind) is None
            ):
                values["_fivetran_synced"] = self.ends.warehouse.advance()
        self.ends.reshape(table, {**schema, name: kind})
        return True

    def forget_what_is_gone(self) -> None:
        """A row that left the target comes back without what a column that is gone had made of it."""
        if self.left:
            found = self.ends.observe()[0]
            for (table, _), left in self.left.items():
                for key in left.keys() - found.rows[ENTITY_OF[table]].keys():
                    del left[key]

    def tell(self, wanted: World, found: World) -> None:
        """Add to both worlds what became of these columns: calls keep those that appeared in metadata."""
        source = Source(self.ends.tables())
        for table, name in self.added:
            self._tell_added(table, name, source, wanted, found)
        for (table, name), left in self.left.items():
            targets = DROPPABLE[table][1] if name == DROPPABLE[table][0] else (name,)
            for key, row in _live(wanted, ENTITY_OF[table]):
                row.update({target: left.get(key, {}).get(target) for target in targets})

    def _tell_added(self, table: str, name: str, source: Source, wanted: World, found: World) -> None:
        entity = ENTITY_OF[table]
        for parts, values in source.newest(table, *_KEYS[entity]).items():
            row = wanted.rows[entity].get(_target_key(entity, parts), {})
            if row and not row.get("source_deleted"):
                row[name] = values[name]
        if entity == "calls":
            for row in found.rows[entity].values():
                row[name] = (row["metadata"] or {}).get(name)


def there_is(row: SourceRow, found: World) -> bool:
    """Whether the target has a row for one of a base table."""
    entity = ENTITY_OF[row.table]
    return _target_key(entity, tuple(text(row.key[name]) for name in _KEYS[entity])) in found.rows[entity]


def _live(world: World, entity: str) -> list[tuple[Key, Values]]:
    return [(key, row) for key, row in world.rows[entity].items() if not row.get("source_deleted")]


def _target_key(entity: str, parts: Key) -> Key:
    return (text(parts[0]), whole(parts[1])) if entity == "transcripts" else parts

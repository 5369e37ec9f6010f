"""One history under way: what was done to the source, what is in doubt, and the verdict on the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from call_coach_assets.sync import repair
from call_coach_assets.sync.session import EntitySync, sync_entity
from call_coach_assets_tests.model.application import Application
from call_coach_assets_tests.model.both_ends import BothEnds
from call_coach_assets_tests.model.tiny_source import BASES, EVERY, KINDS, ROWS, SourceRow, Values
from call_coach_assets_tests.oracle import ENTITIES, Key, World, differences, expected
from call_coach_assets_tests.oracle.judge import PARENTS_FIRST

STAMPS = ("next", "next", "same", "late", "missing", "future", "hidden")
_LATE, _HIDDEN = timedelta(minutes=30), timedelta(minutes=300)
_FUTURE = datetime(2099, 1, 1, tzinfo=UTC)
_PARTS = {"opportunities": ("deal",), "emails": ("mail",), "call_opportunities": ("call", "deal")}
tally: Counter[str] = Counter()


class History:
    """A source that changes, and the syncs of it."""

    def __init__(self, ends: BothEnds) -> None:
        self.ends = ends
        ends.empty()
        self.application = Application(ends)
        self.doubts: set[tuple[str, str]] = set()  # what no cursor can see: only a reconcile settles it
        self.vanished: set[SourceRow] = set()
        self.added: list[tuple[str, str]] = []  # tables and columns that were not there at the first sync
        self.version = 0

    def begin(self) -> None:
        """Every row of the tiny world, synced."""
        stamp = self.ends.warehouse.advance()
        for table in KINDS:
            for row in (row for row in ROWS if row.table == table):
                self.ends.present[row] = {**row.key, **self._values(row, stamp, version=row.number)}
            self.ends.warehouse.insert(table, [self.ends.present[row] for row in ROWS if row.table == table])
        self.settle()

    def land(self, row: SourceRow, stamp: str, *, spoiled: bool = False) -> None:
        """Insert or change a row, or bring it back."""
        self.version += 1
        values = self._values(row, self._stamp(row, stamp), version=self.version)
        self.ends.put(row, {**values, **(row.kind.spoil or {} if spoiled else {})})

    def flag(self, row: SourceRow, stamp: str) -> None:
        """Flag a row deleted, where it is there."""
        if row in self.ends.present:
            self.ends.put(row, {**self._flagged(row, True), "_fivetran_synced": self._stamp(row, stamp)})

    def vanish(self, row: SourceRow) -> None:
        """Delete a row outright, as a re-import does; not what the application holds on to."""
        if row in self.ends.present and not self._held(row):
            self.ends.remove(row)
            self.vanished.add(row)
            self._doubt(row)

    def reimport(self, table: str) -> None:
        """Stamp every row of a table alike."""
        stamp = self.ends.warehouse.advance()
        self.ends.warehouse.update(table, {}, restamp=False, _fivetran_synced=stamp)
        for row in self.ends.present:
            if row.table == table:
                self.ends.present[row]["_fivetran_synced"] = stamp

    def add_column(self, table: str) -> None:
        """A column appears at the source, filled by what lands from now on."""
        name = f"late_{len(self.added)}"
        self.ends.warehouse.alter(f"ALTER TABLE {table} ADD COLUMN {name} STRING")
        self.added.append((table, name))

    def sync(self, entity: str, land: object = None) -> None:
        """Sync one entity; `land` may do more than land."""
        landing = {"land": land or EntitySync.land}
        sync_entity(self.ends.entities[entity], self.ends.entities, self.ends.settings, "history", **landing)  # type: ignore[arg-type]
        self.application.forget_what_is_gone()

    def settle(self) -> None:
        """A quiet run: every entity once; then the database is judged."""
        tally["quiet runs"] += 1
        for entity in PARENTS_FIRST:
            self.sync(entity)
        self.judge()

    def reconcile(self) -> None:
        """Reconcile every entity; then nothing is in doubt. The world is too small for the guard of deletions."""
        tally["reconciles"] += 1
        with patch.object(repair, "LARGEST_SHARE", 1.0):
            results = self.ends.reconcile_all()
        self.application.forget_what_is_gone()
        left = [f"{r.entity}: {r.remaining} remain, {r.examples}" for r in results if r.remaining or r.refusal]
        assert not left, "\n".join(left)
        self.doubts.clear()
        self.judge()

    def judge(self) -> None:
        """Nothing lost, nothing twice, nothing of the application's touched."""
        wanted = expected(self.ends.tables(), self.ends.settings.domains, self.application.pinned())
        found, counts = self.ends.observe()
        wrong = [f"{name}: {counts[name]} rows, {len(found.rows[name])} keys" for name in ENTITIES
                 if counts[name] != len(found.rows[name])]  # fmt: skip
        wrong += self.application.losses()
        wrong += differences(self._certain(wanted), self._certain(found), ignore={"calls.processed_at"})
        wrong += self._misfilled(found)
        assert not wrong, "\n".join(wrong)

    def _certain(self, world: World) -> World:
        """Without the rows in doubt, and without what waits for a parent that vanished: it may be known to be gone."""
        certain = World()
        for entity in ENTITIES:
            certain.rows[entity] = {k: row for k, row in world.rows[entity].items() if not self._doubtful(entity, k)}
            certain.waiting[entity] = {k for k in world.waiting[entity] if not self._doubtful(entity, k, waits=True)}
            certain.dead_letters[entity] = {k for k in world.dead_letters[entity] if not self._doubtful(entity, k)}
        return certain

    def _doubtful(self, entity: str, key: Key, *, waits: bool = False) -> bool:
        parts = list(zip(_PARTS.get(entity, ("call",)), map(str, key), strict=False))
        gone = {row.kind.part(row.key) for row in self.vanished - set(self.ends.present) if _is_parent(row)}
        in_doubt = self.doubts | (gone if waits else set())
        return any(part in in_doubt or (part[0], EVERY) in in_doubt for part in parts)

    def _misfilled(self, found: World) -> Iterator[str]:
        """Columns that appeared, where they do not hold what the source does."""
        for entity, table in BASES.items():
            for row, values in self.ends.present.items():
                key = _target_key(entity, row)
                there = found.rows[entity].get(key) if row.table == table else None
                if there is None or there.get("source_deleted") or self._doubtful(entity, key):
                    continue
                place = (there["metadata"] or {}) if entity == "calls" else there
                for name in (name for where, name in self.added if where == table):
                    if place.get(name) != values.get(name):
                        yield f"{entity} {key} {name}: expected {values.get(name)!r}, found {place.get(name)!r}"

    def _values(self, row: SourceRow, stamp: datetime | None, version: int) -> Values:
        added = {name: f"{name}, {version}" for table, name in self.added if table == row.table}
        return {**row.kind.values(row.key, version), **added, **self._flagged(row, False), "_fivetran_synced": stamp}

    def _flagged(self, row: SourceRow, deleted: bool) -> Values:
        schema = self.ends.warehouse.schema(row.table)
        return {name: deleted for name in ("_fivetran_deleted", "is_deleted") if name in schema}

    def _stamp(self, row: SourceRow, kind: str) -> datetime | None:
        now = self.ends.warehouse.now
        if kind == "hidden":
            self._doubt(row)
        stamps = {"same": now, "late": now - _LATE, "missing": None, "future": _FUTURE, "hidden": now - _HIDDEN}
        return stamps[kind] if kind in stamps else self.ends.warehouse.advance()

    def _doubt(self, row: SourceRow) -> None:
        self.doubts.add(row.kind.part(row.key))
        if row.table == "salesforce.opportunity":
            self.doubts.add(("mail", EVERY))

    def _held(self, row: SourceRow) -> bool:
        held = {key[0] for keys in self.application.pinned().values() for key in keys}
        return row.table in {"gong.call", "gong.call_speaker"} and row.kind.part(row.key)[1] in held


def _is_parent(row: SourceRow) -> bool:
    return row.table in {"gong.call", "salesforce.opportunity"}


def _target_key(entity: str, row: SourceRow) -> Key:
    key = row.key
    if entity == "transcripts" and "index" in key:
        return (key["call_id"], key["index"])
    if entity == "speakers" and "call_id" in key and "id" in key:
        return (str(key["call_id"]), key["id"])
    return (str(key.get("id")),)

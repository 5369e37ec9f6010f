"""One history under way: what was done to the source, what is in doubt, and the verdict on the database."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from call_coach_assets.sync import reconcile as reconciling
from call_coach_assets.sync import repair
from call_coach_assets.sync.entity_sync import EntitySync
from call_coach_assets.sync.result import SyncResult
from call_coach_assets.sync.session import sync_entity
from call_coach_assets_tests.model.application import Application
from call_coach_assets_tests.model.both_ends import BothEnds
from call_coach_assets_tests.model.doubts import Doubts
from call_coach_assets_tests.model.shapes import Shapes
from call_coach_assets_tests.model.tiny_schema import ENTITY_OF
from call_coach_assets_tests.model.tiny_source import KINDS, ROWS, SourceRow, Values
from call_coach_assets_tests.oracle import ENTITIES, differences, expected
from call_coach_assets_tests.oracle.judge import PARENTS_FIRST

STAMPS = ("next", "next", "same", "late", "missing", "future", "hidden")
_LATE, _HIDDEN = timedelta(minutes=30), timedelta(minutes=300)
_FUTURE = datetime(2099, 1, 1, tzinfo=UTC)
tally: Counter[str] = Counter()  # histories, steps, quiet runs, reconciles, failures
faults: Counter[str] = Counter()  # by their kind


class History:
    """A source that changes, and the syncs of it, which may skip tables that did not change."""

    def __init__(self, ends: BothEnds, *, skips_unchanged: bool = True) -> None:
        self.ends = ends
        ends.empty()
        ends.settings = ends.settings.model_copy(update={"sync_skip_unchanged": skips_unchanged})
        self.application = Application(ends)
        self.shapes = Shapes(ends)
        self.doubts = Doubts()
        self.version = 0

    def begin(self) -> None:
        """Every row of the tiny world, synced: by a quiet run the first time, and copied from it later."""
        stamp = self.ends.warehouse.advance()
        for row in ROWS:
            self.ends.present[row] = {**row.key, **self._values(row, stamp, version=row.number)}
        for table in KINDS:
            self.ends.fill(table)
        if not self.ends.begun:
            self.settle()
            self.ends.keep()

    def land(self, row: SourceRow, stamp: str, *, spoiled: bool = False) -> None:
        """Insert or change a row, or bring it back."""
        self.version += 1
        self.doubts.lands(row)
        if spoiled:
            self.doubts.spoil(row, self.ends.observe()[0])
        values = self._values(row, self._stamp(row, stamp), version=self.version)
        self.ends.put(row, {**values, **(row.kind.spoil or {} if spoiled else {})})

    def flag(self, row: SourceRow, stamp: str) -> None:
        """Flag a row deleted, where it is there."""
        if row in self.ends.present:
            self.doubts.goes(row)
            self.ends.put(row, {**self._flagged(row, True), "_fivetran_synced": self._stamp(row, stamp)})

    def family(self, parent: SourceRow) -> list[SourceRow]:
        """A parent with all that hangs on it alone."""
        return [row for row in ROWS if row.kind.part(row.key) == parent.kind.part(parent.key)]

    def vanish(self, row: SourceRow) -> None:
        """Delete a row outright, as a re-import does."""
        if row in self.ends.present:
            faults["a row vanished on which the application hangs" if self._held(row) else "a row vanished"] += 1
            self.ends.remove(row)
            self.doubts.vanishes(row)

    def reimport(self, table: str) -> None:
        """Stamp every row of a table alike."""
        faults["a table was imported again"] += 1
        self.ends.stamp(table, self.ends.warehouse.advance())

    def drop_column(self, table: str, name: str) -> None:
        """A column goes, and its entity is synced without it."""
        faults["a column went"] += 1
        self.shapes.drop(table, name)
        self.sync(ENTITY_OF[table])

    def sync(self, entity: str, land: object = None) -> SyncResult:
        """Sync one entity; `land` may do more than land."""
        landing = {"land": land or EntitySync.land}
        done = sync_entity(self.ends.entities[entity], self.ends.entities, self.ends.settings, "history", **landing)  # type: ignore[arg-type]
        self.look_what_is_gone()
        return done

    def look_what_is_gone(self) -> None:
        """Whether a row had to go is for the model to say; if it comes back, it comes back new."""
        self.application.forget_what_is_gone()
        self.shapes.forget_what_is_gone()

    def settle(self) -> None:
        """A quiet run: every entity once; then the database is judged."""
        tally["quiet runs"] += 1
        for entity in PARENTS_FIRST:
            self.sync(entity)
        self.judge()

    def reconcile(self, *, settled: bool = False) -> None:
        """Reconcile every entity; then nothing is in doubt. The world is too small for the guard of deletions.

        A reconcile begins with a sync: where a quiet run has `settled` everything just before, it writes nothing but
        what is in doubt and comes along when dead letters are read again.
        """
        tally["reconciles"] += 1
        syncs: dict[str, int] = {}
        read_again = self._lettered() if self.doubts.parts else set()

        def noting(entity: Any, *given: Any, **named: Any) -> SyncResult:
            done = sync_entity(entity, *given, **named)
            syncs.setdefault(entity.name, done.rows_synced)
            return done

        with patch.object(repair, "LARGEST_SHARE", 1.0), patch.object(reconciling, "sync_entity", noting):
            results = self.ends.reconcile_all()
        self.look_what_is_gone()
        left = [f"{r.entity}: {r.remaining} remain, {r.examples}" for r in results if r.remaining or r.refusal]
        quiet = {name: rows for name, rows in syncs.items() if settled and name not in read_again}
        left += [f"{name}: a second run writes {rows} rows" for name, rows in quiet.items() if rows]
        assert not left, "\n".join(left)
        self.doubts.parts.clear()
        self.judge()

    def _lettered(self) -> set[str]:
        """The entities that have dead letters."""
        return {name for (name,) in self.ends.query("SELECT DISTINCT entity FROM call_coach_sync.dead_letters")}

    def judge(self) -> None:
        """Nothing lost, nothing twice, nothing of the application's touched."""
        found, counts = self.ends.observe()
        there = {entity: set(rows) for entity, rows in found.rows.items()}
        wanted = expected(self.ends.tables(), self.ends.settings.domains, self.application.pinned(), there)
        self.shapes.tell(wanted, found)
        wrong = [f"{name}: {counts[name]} rows, {len(found.rows[name])} keys" for name in ENTITIES
                 if counts[name] != len(found.rows[name])]  # fmt: skip
        wrong += [*self.doubts.losses(found), *self.application.losses()]
        certain = self.doubts.certain
        wrong += differences(certain(wanted), certain(found), ignore={"calls.processed_at"})
        assert not wrong, "\n".join(wrong)

    def _values(self, row: SourceRow, stamp: datetime | None, version: int) -> Values:
        added = {name: f"{name}, {version}" for table, name in self.shapes.added if table == row.table}
        return {**row.kind.values(row.key, version), **added, **self._flagged(row, False), "_fivetran_synced": stamp}

    def _flagged(self, row: SourceRow, deleted: bool) -> Values:
        schema = self.ends.warehouse.schema(row.table)
        return {name: deleted for name in ("_fivetran_deleted", "is_deleted") if name in schema}

    def _stamp(self, row: SourceRow, kind: str) -> datetime | None:
        if kind != "next":
            faults[f"a stamp was {kind}"] += 1
        now = self.ends.warehouse.now
        if kind == "hidden":
            self.doubts.doubt(row)
        stamps = {"same": now, "late": now - _LATE, "missing": None, "future": _FUTURE, "hidden": now - _HIDDEN}
        return stamps[kind] if kind in stamps else self.ends.warehouse.advance()

    def _held(self, row: SourceRow) -> bool:
        held = {key[0] for keys in self.application.pinned().values() for key in keys}
        return row.table in {"gong.call", "gong.call_speaker"} and row.kind.part(row.key)[1] in held

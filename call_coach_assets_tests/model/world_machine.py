"""Any history: hypothesis picks what happens next; after each quiet run and each reconcile the model is asked."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import ClassVar

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from call_coach_assets_tests.model import disturbances
from call_coach_assets_tests.model.application import WORDS
from call_coach_assets_tests.model.both_ends import BothEnds
from call_coach_assets_tests.model.history import STAMPS, History, faults, tally
from call_coach_assets_tests.model.tiny_schema import DROPPABLE, ENTITY_OF, RETYPES
from call_coach_assets_tests.model.tiny_source import KINDS, ROWS, SourceRow
from call_coach_assets_tests.oracle import ENTITIES

_rows = st.sampled_from(ROWS)
_stamps = st.sampled_from(STAMPS)
_entities = st.sampled_from(ENTITIES)
_places = st.integers(0, 5)
_PARENTS = [row for row in ROWS if row.table in {"gong.call", "salesforce.opportunity"}]


class WorldMachine(RuleBasedStateMachine):
    """A history of the two ends that a subclass names."""

    ends: ClassVar[BothEnds]

    def __init__(self) -> None:
        super().__init__()
        self.history: History
        self.since_judged = 0  # steps

    @initialize(lot=st.integers(0, 2**16), part_rows=st.sampled_from([2, 100_000]), skips=st.booleans())
    def begin(self, lot: int, part_rows: int, skips: bool) -> None:
        """Every history begins alike; many land all that they can in parts of two rows, or skip what did not change.

        The plainest of all, which hypothesis tries first, is not worth its time.
        """
        assume(lot > 0)
        tally["histories"] += 1
        self.history = History(self.ends, skips_unchanged=skips)
        self.history.begin()
        in_parts = {"sync_publish_rows": part_rows, "sync_batch_size": min(part_rows, 1000)}
        self.ends.settings = self.ends.settings.model_copy(update=in_parts)

    @rule(landing=st.lists(st.tuples(_rows, _stamps, st.booleans()), min_size=1, max_size=4))
    def land(self, landing: list[tuple[SourceRow, str, bool]]) -> None:
        """Inserts, updates, un-deletes, late children, children before their parents: as it happens."""
        self._step()
        for row, stamp, spoiled in landing:
            self.history.land(row, stamp, spoiled=spoiled)

    @rule(rows=st.lists(_rows, min_size=2, max_size=5, unique_by=repr))
    def land_together(self, rows: list[SourceRow]) -> None:
        """Rows of one stamp."""
        self._step()
        for row in rows:
            self.history.land(row, "same")

    @rule(row=_rows, stamp=_stamps)
    def flag(self, row: SourceRow, stamp: str) -> None:
        self._step()
        self.history.flag(row, stamp)

    @rule(parent=st.sampled_from(_PARENTS), with_children=st.booleans())
    def flag_a_parent(self, parent: SourceRow, with_children: bool) -> None:
        self._step()
        for row in self.history.family(parent) if with_children else [parent]:
            self.history.flag(row, "next")

    @rule(parent=st.sampled_from(_PARENTS), with_children=st.booleans())
    def bring_a_parent_back(self, parent: SourceRow, with_children: bool) -> None:
        self._step()
        for row in self.history.family(parent) if with_children else [parent]:
            self.history.land(row, "same")

    @rule(row=_rows)
    def vanish(self, row: SourceRow) -> None:
        self._step()
        self.history.vanish(row)

    @rule(table=st.sampled_from(sorted(KINDS)))
    def reimport(self, table: str) -> None:
        self._step()
        self.history.reimport(table)

    @rule(hours=st.integers(2, 48))
    def time_passes(self, hours: int) -> None:
        self._step()
        self.history.ends.warehouse.advance(timedelta(hours=hours))

    @precondition(lambda self: len(self.history.shapes.added) < 2)
    @rule(table=st.sampled_from(sorted(ENTITY_OF)))
    def add_a_column(self, table: str) -> None:
        self._step()
        faults["a column appeared"] += 1
        self.history.shapes.add(table)

    @precondition(lambda self: len(self.history.shapes.gone) < 2)
    @rule(table=st.sampled_from(sorted(DROPPABLE)), place=_places)
    def drop_a_column(self, table: str, place: int) -> None:
        self._step()
        names = self.history.shapes.droppable(table)
        if names:
            self.history.drop_column(table, names[place % len(names)])

    @precondition(lambda self: self.history.shapes.gone)
    @rule(place=_places)
    def give_a_column_back(self, place: int) -> None:
        self._step()
        faults["a column came back"] += 1
        gone = sorted(self.history.shapes.gone)
        self.history.shapes.give_back(*gone[place % len(gone)])

    @rule(change=st.sampled_from(RETYPES))
    def change_a_type(self, change: tuple[str, str, str]) -> None:
        self._step()
        faults["a column changed its type"] += self.history.shapes.retype(*change)

    @rule(table=st.sampled_from(("calls", "speakers", "transcripts")), place=_places, word=st.sampled_from(WORDS))
    def application_writes(self, table: str, place: int, word: str) -> None:
        self._step()
        self.history.application.write(table, place, word)

    @rule(table=st.sampled_from(("coaching_sessions", "speaker_role_history")), place=_places)
    def application_hangs_on(self, table: str, place: int) -> None:
        self._step()
        self.history.application.hang(table, place)

    @rule(entity=_entities)
    def sync_one(self, entity: str) -> None:
        self._step()
        self.history.sync(entity)

    @rule(entity=_entities, seam=st.sampled_from(disturbances.SEAMS))
    def break_off(self, entity: str, seam: str) -> None:
        self._step()
        disturbances.interrupt(self.history, entity, seam)

    @rule(entity=_entities, message=st.integers(1, disturbances.MOST_MESSAGES))
    def kill(self, entity: str, message: int) -> None:
        self._step()
        disturbances.kill(self.history, entity, message)

    @rule(entity=_entities, fault=st.sampled_from(disturbances.ANSWERS))
    def answer_badly(self, entity: str, fault: str) -> None:
        self._step()
        disturbances.answer_badly(self.history, entity, fault)

    @rule(entity=_entities, statement=st.sampled_from(disturbances.STATEMENTS))
    def cut_the_connection(self, entity: str, statement: str) -> None:
        self._step()
        disturbances.cut(self.history, entity, statement)

    @rule(entity=_entities)
    def sync_twice_at_once(self, entity: str) -> None:
        self._step()
        disturbances.sync_twice_at_once(self.history, entity)

    @rule(entity=_entities, other=_entities, row=_rows, stamp=st.sampled_from(("next", "same", "late")))
    def sync_while_it_moves(self, entity: str, other: str, row: SourceRow, stamp: str) -> None:
        self._step()
        disturbances.sync_while_it_moves(self.history, entity, other, row, stamp)

    @precondition(lambda self: self.since_judged > 3)
    @rule()
    def settle(self) -> None:
        self._step()
        self.history.settle()
        self.since_judged = 0

    @precondition(lambda self: self.since_judged > 3 and self.history.doubts.parts)
    @rule()
    def reconcile(self) -> None:
        self._step()
        self.history.reconcile()
        self.since_judged = 0

    def teardown(self) -> None:
        """The end of every history that has not failed: a quiet run, then a reconcile."""
        if sys.exc_info()[0] is None and hasattr(self, "history"):
            self.history.settle()
            self.history.reconcile(settled=True)

    def _step(self) -> None:
        tally["steps"] += 1
        self.since_judged += 1

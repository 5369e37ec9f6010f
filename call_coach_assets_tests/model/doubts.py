"""What cannot be known of a history before a reconcile, and what may not be lost meanwhile."""

from __future__ import annotations

from call_coach_assets_tests.model.shapes import there_is
from call_coach_assets_tests.model.tiny_schema import UNPUBLISHABLE
from call_coach_assets_tests.model.tiny_source import EVERY, SourceRow
from call_coach_assets_tests.oracle import ENTITIES, Key, World

_PARTS = {"opportunities": ("deal",), "emails": ("mail",), "call_opportunities": ("call", "deal")}
_PARENTS = {"gong.call", "salesforce.opportunity"}


class Doubts:
    """Rows of which no cursor can see what became of them, and rows that cannot be published now, and were."""

    def __init__(self) -> None:
        self.parts: set[tuple[str, str]] = set()  # only a reconcile settles them
        self.gone: set[tuple[str, str]] = set()  # parents that vanished: what waits for one may be known to be gone
        self.spoiled: set[SourceRow] = set()

    def doubt(self, row: SourceRow) -> None:
        """What a row is a part of may be as it was, or as it is."""
        self.parts.add(row.kind.part(row.key))
        if row.table == "salesforce.opportunity":
            self.parts.add(("mail", EVERY))

    def lands(self, row: SourceRow) -> None:
        """A row is there, in a version of its own."""
        self.goes(row)
        if row.table in _PARENTS:
            self.gone.discard(row.kind.part(row.key))

    def vanishes(self, row: SourceRow) -> None:
        """A row is not there any more, and nothing says so."""
        self.goes(row)
        self.doubt(row)
        if row.table in _PARENTS:
            self.gone.add(row.kind.part(row.key))

    def goes(self, row: SourceRow) -> None:
        """What cannot be published may go when it, or what it belongs to, is deleted; or it can be again."""
        self.spoiled = {other for other in self.spoiled if other.kind.part(other.key) != row.kind.part(row.key)}

    def spoil(self, row: SourceRow, found: World) -> None:
        """A row gets a version that cannot be published: what is there of it in the target has to stay."""
        if row.table in UNPUBLISHABLE and there_is(row, found):
            self.spoiled.add(row)

    def losses(self, found: World) -> list[str]:
        """Rows that went because their newest version cannot be published."""
        return [f"{row} cannot be published, and lost what was" for row in self.spoiled if not there_is(row, found)]

    def certain(self, world: World) -> World:
        """Without what is in doubt."""
        certain = World()
        for entity in ENTITIES:
            certain.rows[entity] = {k: row for k, row in world.rows[entity].items() if not self._doubtful(entity, k)}
            certain.waiting[entity] = {k for k in world.waiting[entity] if not self._doubtful(entity, k, waits=True)}
            certain.dead_letters[entity] = {k for k in world.dead_letters[entity] if not self._doubtful(entity, k)}
        return certain

    def _doubtful(self, entity: str, key: Key, *, waits: bool = False) -> bool:
        parts = zip(_PARTS.get(entity, ("call",)), map(str, key), strict=False)
        in_doubt = self.parts | (self.gone if waits else set())
        return any(part in in_doubt or (part[0], EVERY) in in_doubt for part in parts)

"""What one transaction of a publish did, and the sum of several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from call_coach_assets.sync.row_warnings import Warned, merged


@dataclass(frozen=True, kw_only=True)
class Drained:
    """Rows by what became of them; `newest` is the newest source change among those that left the inbox.

    `loads` are dlt's ids of the loads that they came with.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    waiting: int = 0
    newest: datetime | None = None
    loads: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()

    def counts(self) -> dict[str, int]:
        """The number of rows of each kind."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int)}


def total(parts: Iterable[Drained]) -> Drained:
    """What several transactions did together; only the last one knows what waits."""
    parts = list(parts)
    return Drained(
        inserted=sum(part.inserted for part in parts),
        updated=sum(part.updated for part in parts),
        unchanged=sum(part.unchanged for part in parts),
        deleted=sum(part.deleted for part in parts),
        waiting=parts[-1].waiting,
        newest=max((part.newest for part in parts if part.newest), default=None),
        loads=tuple(sorted({load for part in parts for load in part.loads})),
        warnings=merged(part.warnings for part in parts),
    )

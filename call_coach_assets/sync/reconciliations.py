"""What came of comparing the two ends of an entity, and the record of it that the checks and the operator read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from call_coach_assets.errors import ReconcileRefusedError
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection

_RECORD = """
INSERT INTO {reconciliations} (entity, run_id, started_at, finished_at, status, counts)
VALUES (%s, %s, %s, clock_timestamp(), %s, %s)
"""
_LAST = """
SELECT status, finished_at, run_id, counts FROM {reconciliations} WHERE entity = %s ORDER BY id DESC LIMIT 1
"""


class ReconcileStatus(StrEnum):
    """How the two ends stand after a comparison."""

    EQUAL = "equal"  # nothing differed
    REPAIRED = "repaired"  # what differed does no more
    DIFFERS = "differs"  # something still differs, or nothing was to be repaired
    REFUSED = "refused"  # too much of the table would have been deleted
    SKIPPED = "skipped"  # there is no source to compare with


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """Counts are rows, as they were found before any repair; `different` counts them by column."""

    entity: str
    run_id: str
    dry_run: bool = False
    skipped: str | None = None  # why there was nothing to compare with
    rows: int = 0  # rows of the target that were compared
    missing: int = 0
    extra: int = 0
    different: Mapping[str, int] = field(default_factory=dict)
    different_rows: int = 0
    repaired: int = 0  # missing and different rows that now equal the source
    deleted: int = 0  # extra rows that are gone
    kept: int = 0  # extra rows that stay because the application hangs rows on them; they say so
    remaining: int = 0  # rows that still differ
    under_way: int = 0  # rows that changed in the source since the last sync: no difference yet
    refusal: str | None = None  # why nothing was deleted
    examples: tuple[str, ...] = ()  # some of the keys, with what is wrong about them
    scans: int = 0  # queries that read the compared columns whole
    bytes_billed: int = 0  # by the comparison and by the syncs before and after it
    seconds: float = 0.0

    @property
    def status(self) -> ReconcileStatus:
        """The verdict."""
        if self.skipped:
            return ReconcileStatus.SKIPPED
        if self.refusal:
            return ReconcileStatus.REFUSED
        if self.remaining:
            return ReconcileStatus.DIFFERS
        return ReconcileStatus.REPAIRED if self.found else ReconcileStatus.EQUAL

    @property
    def found(self) -> int:
        """How many rows differed in any way."""
        return self.missing + self.extra + self.different_rows

    @property
    def figures(self) -> dict[str, Any]:
        """The counts as they are recorded."""
        names = ("rows", "missing", "extra", "different_rows", "repaired", "deleted", "kept", "remaining", "under_way")
        counts = {name: getattr(self, name) for name in (*names, "scans", "bytes_billed")}
        return {**counts, "different": dict(self.different), "seconds": round(self.seconds, 3)}

    def raise_if_refused(self) -> None:
        """Raise ReconcileRefusedError where too much would have been deleted."""
        if self.refusal:
            raise ReconcileRefusedError(
                f"{self.extra} rows of {self.entity} are not in the source, and none was deleted",
                why=self.refusal,
                remedy="look whether Fivetran is importing the table again; if the rows are really gone, flag them"
                " deleted in the source or delete them by hand, and reconcile again",
            )


@dataclass(frozen=True)
class LastReconciliation:
    """The newest record of an entity; `counts` are `Reconciliation.figures`."""

    status: ReconcileStatus
    finished_at: datetime
    run_id: str
    counts: Mapping[str, Any]


def record(connection: Connection, result: Reconciliation, started_at: datetime, schema: str) -> None:
    """Write down what came of a comparison."""
    values = [result.entity, result.run_id, started_at, result.status.value, Jsonb(result.figures)]
    connection.execute(sql.SQL(_RECORD).format(**Names(schema).parts()), values)


def last_reconciliation(connection: Connection, entity: str, schema: str) -> LastReconciliation | None:
    """The newest record of `entity`; None where it was never reconciled."""
    row = connection.execute(sql.SQL(_LAST).format(**Names(schema).parts()), [entity]).fetchone()
    return LastReconciliation(ReconcileStatus(row[0]), *row[1:]) if row else None

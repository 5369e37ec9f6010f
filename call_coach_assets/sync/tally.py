"""What the candidates of each verdict have, looked at once: a stage that has nothing to do does not look at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from call_coach_assets.sync.publication import Publication

_TALLY = """
SELECT _verdict, bool_or(_misfits IS NOT NULL), coalesce(bool_or(_warned), false), bool_or({unlinked}), max(_cursor)
FROM {staged} s GROUP BY _verdict
"""


@dataclass(frozen=True)
class Tally:
    """Of the candidates with one verdict: whether any has what the first three say, and their newest change."""

    misfits: bool = False  # values that do not fit
    warned: bool = False
    unlinked: bool = False  # an optional parent that is not there
    newest: datetime | None = None


def tally(work: Publication, unlinked: sql.Composed) -> dict[str, Tally]:
    """A tally for each verdict that was given; `unlinked` says whether the candidate `s` lacks an optional parent."""
    return {verdict: Tally(*facts) for verdict, *facts in work.execute(_TALLY, unlinked=unlinked)}

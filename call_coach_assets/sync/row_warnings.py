"""What the query warns of in the rows of a publish, summed up for the operator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from psycopg import sql

from call_coach_assets.sync.publication import Publication
from call_coach_assets.sync.staging import json_of

MOST_WARNINGS = 20

_SUMMARY = """
SELECT w.warning, count(*), min(n._key)
FROM {newest} n JOIN {staged} s ON s._n = n._n JOIN {inbox} i ON i.ctid = n._tid
CROSS JOIN LATERAL jsonb_array_elements_text({warnings}) AS w (warning)
WHERE s._verdict = 'write' AND s._warned
GROUP BY w.warning ORDER BY count(*) DESC, w.warning LIMIT {most}
"""


class Warned(NamedTuple):
    """A warning, how many rows it is about, and the key of the first."""

    warning: str
    rows: int
    key: str

    def __str__(self) -> str:
        about = f"{self.rows} rows, {self.key} the first" if self.rows > 1 else self.key
        return f"{self.warning} ({about})"


def summarise(work: Publication) -> tuple[Warned, ...]:
    """The warnings, the most frequent first and at most MOST_WARNINGS."""
    if not work.written.warned:
        return ()
    given = sql.SQL("CASE WHEN s._warned THEN {} ELSE '[]' END").format(json_of(sql.SQL("i._warnings")))
    rows = work.execute(_SUMMARY, warnings=given, most=sql.Literal(MOST_WARNINGS)).fetchall()
    return tuple(Warned(*row) for row in rows)


def merged(parts: Iterable[Iterable[Warned]]) -> tuple[Warned, ...]:
    """The warnings of several transactions, each once."""
    found: dict[str, Warned] = {}
    for warned in (warned for part in parts for warned in part):
        known = found.get(warned.warning)
        rows, key = (known.rows + warned.rows, min(known.key, warned.key)) if known else (warned.rows, warned.key)
        found[warned.warning] = Warned(warned.warning, rows, key)
    return tuple(sorted(found.values(), key=lambda warned: (-warned.rows, warned.warning))[:MOST_WARNINGS])

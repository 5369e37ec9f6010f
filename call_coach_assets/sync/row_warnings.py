"""What the query warns of in the rows of a publish, summed up for the operator."""

from __future__ import annotations

from psycopg import sql

from call_coach_assets.sync.publication import Publication
from call_coach_assets.sync.staging import json_of

MOST_WARNINGS = 20

_SUMMARY = """
SELECT w.warning, count(*), min(n._key)
FROM {newest} n JOIN {staged} s ON s._n = n._n JOIN {inbox} i ON i.ctid = n._tid
CROSS JOIN LATERAL jsonb_array_elements_text({warnings}) AS w (warning)
WHERE s._verdict = 'write' AND i._warnings LIKE '[_%%]'
GROUP BY w.warning ORDER BY count(*) DESC, w.warning LIMIT {most}
"""


def summarise(work: Publication) -> tuple[str, ...]:
    """One line for each warning, the most frequent first and at most MOST_WARNINGS, with how many rows it is about."""
    given = sql.SQL("CASE WHEN i._warnings LIKE '[_%%]' THEN {} ELSE '[]' END").format(json_of(sql.SQL("i._warnings")))
    rows = work.execute(_SUMMARY, warnings=given, most=sql.Literal(MOST_WARNINGS)).fetchall()
    return tuple(_line(*row) for row in rows)


def _line(warning: str, count: int, key: str) -> str:
    return f"{warning} ({count} rows, {key} the first)" if count > 1 else f"{warning} ({key})"

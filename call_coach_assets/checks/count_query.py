"""The query that counts what an entity's own query yields, like with like."""

from __future__ import annotations

from collections.abc import Collection

from call_coach_assets.sync.entity import Entity


def count_query(entity: Entity, query: str, gone: Collection[str], *, publishable: bool) -> str:
    """GoogleSQL that counts the keys of live rows of `query`, those that changed after @cutoff, and the newest change.

    Left out are rows that the source deleted, that mark an empty scope (a key column is NULL), or whose parent is gone
    (`@gone_<column>`, for each column of `gone`); with `publishable`, dead letters too, for which BigQuery reads, and
    bills, the text of every transcript.
    """
    references = [name for reference in entity.references if reference.required for name in reference.by]
    required = [column.name for column in entity.columns if column.required and publishable]
    needed = {*entity.key, *references, *required}
    conditions = [
        "NOT COALESCE(q._deleted, FALSE)",
        *(["q._rejected IS NULL"] if publishable else []),
        *(f"q.{column} IS NOT NULL" for column in sorted(needed)),
        *(f"COALESCE(q.{column}, '') NOT IN UNNEST(@gone_{column})" for column in sorted(gone)),
    ]
    key = ", ".join(f"q.{column}" for column in entity.key)
    where = "\n    AND ".join(conditions)
    return f"""
SELECT COUNT(*) AS counted, COUNTIF(k.changed > @cutoff) AS newer, MAX(k.changed) AS newest
FROM (
  SELECT {key}, MAX(q._changed_at) AS changed
  FROM (
{query.strip().rstrip(";")}
  ) AS q
  WHERE {where}
  GROUP BY {key}
) AS k"""  # noqa: S608 - names of the declaration, keys are parameters

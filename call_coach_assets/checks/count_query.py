"""The query that counts what an entity's own query yields, like with like."""

from __future__ import annotations

from collections.abc import Collection

from call_coach_assets.sync.entity import Entity


def count_query(entity: Entity, query: str, gone: Collection[str]) -> str:
    """GoogleSQL that counts the keys of live, publishable rows of `query`, those changed after @cutoff, and the newest.

    Left out are rows that the source deleted, that can never be published, that mark an empty scope (a key column is
    NULL), or whose parent is gone (`@gone_<column>`, for each column of `gone`). Columns that the result does not need
    are not read, and not billed.
    """
    references = [name for reference in entity.references if reference.required for name in reference.by]
    required = {*entity.key, *references, *(column.name for column in entity.columns if column.required)}
    conditions = [
        "NOT COALESCE(q._deleted, FALSE)",
        "q._rejected IS NULL",
        *(f"q.{column} IS NOT NULL" for column in sorted(required)),
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

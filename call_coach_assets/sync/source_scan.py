"""The two queries that a comparison asks BigQuery: checksums of all buckets, and the rows of those that differ.

Both wrap the entity's own query, read from the beginning of time, so that they compare what a sync would publish.
"""

from __future__ import annotations

from collections.abc import Sequence

from call_coach_assets.sync.adapt import AdaptedQuery
from call_coach_assets.sync.checksums import source_bucket, source_checksum, source_text
from call_coach_assets.sync.compared import ROW, ComparedColumn, live_condition, source_key
from call_coach_assets.sync.entity import ColumnType, Entity, Reference

ASIDE = "!"  # how the name of a bucket begins that is one key, of which it is known why it is not compared


def required_references(entity: Entity) -> list[Reference]:
    """The references without which a row is not published, in order."""
    return [reference for reference in entity.references if reference.required]


def bucket_query(entity: Entity, query: AdaptedQuery, columns: Sequence[ComparedColumn], digits: int) -> str:
    """GoogleSQL that yields `bucket`, `counted` and `checksum` of the rows that belong into the target.

    Left out are the rows whose parent, by the number of its reference, is in `@gone_<n>`. Each key in `@aside` is a
    bucket of its own, of checksum 0: it only counts whether the source still has it.
    """
    aside = "v.row_key IN UNNEST(@aside)"
    gone = [f"v.parent_{n} NOT IN UNNEST(@gone_{n})" for n, _ in enumerate(required_references(entity))]
    checksum = source_checksum(["v.row_key", *(f"v.c{n}" for n, _ in enumerate(columns))])
    return f"""
SELECT k.bucket, COUNT(*) AS counted, BIT_XOR(k.checksum) AS checksum
FROM (
  SELECT DISTINCT
    IF({aside}, CONCAT('{ASIDE}', v.row_key), {source_bucket("v.row_key", digits)}) AS bucket,
    IF({aside}, 0, {checksum}) AS checksum
  FROM ({_texts(entity, query, columns)}) AS v
  WHERE v.live AND ({" OR ".join([aside, f"({' AND '.join(['TRUE', *gone])})"])})
) AS k
GROUP BY k.bucket"""  # noqa: S608 - names of the declaration, values are parameters


def row_query(entity: Entity, query: AdaptedQuery, columns: Sequence[ComparedColumn], digits: int) -> str:
    """GoogleSQL that yields every row of the buckets `@buckets`, deleted and rejected ones too.

    Its columns are those of `row_columns`: `part` is the first part of the key, `c<n>` a checksum of each column.
    """
    checksums = [f"{source_checksum(['v.row_key', f'v.c{n}'])} AS c{n}" for n, _ in enumerate(columns)]
    others = [f"v.{name}" for name in row_columns(entity, columns) if not name.startswith("c")]
    return f"""
SELECT DISTINCT {", ".join([*others, "v.changed_at", *checksums])}
FROM ({_texts(entity, query, columns)}) AS v
WHERE {source_bucket("v.row_key", digits)} IN UNNEST(@buckets)"""  # noqa: S608 - see above


def row_columns(entity: Entity, columns: Sequence[ComparedColumn]) -> dict[str, str]:
    """The columns of `row_query`, by name, with their Postgres types."""
    parents = {f"parent_{n}": "text" for n, _ in enumerate(required_references(entity))}
    checksums = {f"c{n}": "bigint" for n, _ in enumerate(columns)}
    first = {"row_key": "text", "part": "text", "live": "boolean", "deleted": "boolean"}
    return {**first, **parents, "changed_at": "timestamptz", **checksums}


def _texts(entity: Entity, query: AdaptedQuery, columns: Sequence[ComparedColumn]) -> str:
    """Every row of the entity's query with the texts that are hashed."""
    values = [
        f"{source_key(entity.key)} AS row_key",
        f"{source_text(f'{ROW}.{entity.key[0]}', ColumnType.TEXT)} AS part",
        f"{live_condition(entity)} AS live",
        f"COALESCE({ROW}._deleted, FALSE) AS deleted",
        f"{ROW}._changed_at AS changed_at",
        *(f"{source_key(r.by)} AS parent_{n}" for n, r in enumerate(required_references(entity))),
        *(f"{column.source} AS c{n}" for n, column in enumerate(columns)),
    ]
    selected = ",\n    ".join(values)
    return f"""
  SELECT
    {selected}
  FROM (
{query.sql.strip().rstrip(";")}
  ) AS {ROW}"""  # noqa: S608 - see above

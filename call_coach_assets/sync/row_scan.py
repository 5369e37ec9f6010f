"""The rows of the buckets that differ, of both ends side by side, in two tables that live for one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from psycopg import sql

from call_coach_assets.sync.checksums import target_bucket, target_checksum
from call_coach_assets.sync.compared import ComparedColumn, target_identity, target_key, target_parts, target_rows
from call_coach_assets.sync.publication import Publication, columns_of
from call_coach_assets.sync.source_scan import row_columns
from call_coach_assets.sync.target_scan import TargetScan, target_values

if TYPE_CHECKING:
    import pyarrow as pa

SOURCE, TARGET = (sql.Identifier("pg_temp", f"reconcile_{name}") for name in ("source", "target"))

_CREATE_TARGET = """
CREATE TEMPORARY TABLE {table} ({identity}, parts text[], row_key text, place bigint{checksums}) ON COMMIT DROP
"""
_FILL_TARGET = """
INSERT INTO {table}
SELECT {named}, v.parts, v.row_key, v.place{checksums}
FROM (
    SELECT {identity}, ARRAY[{parts}]::text[] AS parts, {key} AS row_key, row_number() OVER (
        PARTITION BY {key} ORDER BY r.load IS NULL, num_nonnulls({owned}) DESC, {identity}
    ) AS place{values}
    {target_rows}
) v
WHERE v.row_key IS NULL OR {bucket} = ANY (%(buckets)s)
"""


def fill_source(work: Publication, columns: Sequence[ComparedColumn], batches: Iterable[pa.RecordBatch]) -> None:
    """Copy the answer of `row_query` into SOURCE."""
    types = row_columns(work.entity, columns)
    named = [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in types.items()]
    work.execute(
        "CREATE TEMPORARY TABLE {table} ({columns}) ON COMMIT DROP", table=SOURCE, columns=sql.SQL(", ").join(named)
    )
    names = sql.SQL(", ").join(map(sql.Identifier, types))
    with work.connection.cursor().copy(sql.SQL("COPY {} ({}) FROM STDIN").format(SOURCE, names)) as copy:
        for batch in batches:
            for row in batch.select(list(types)).to_pylist():
                copy.write_row(list(row.values()))
    work.execute("ANALYZE {table} (row_key)", table=SOURCE)


def identity_types(work: Publication) -> sql.Composed:
    """The columns that name a row of the target, for a CREATE TABLE."""
    return sql.SQL(", ").join(sql.SQL("{} uuid").format(sql.Identifier(name)) for name in work.target.identity)


def fill_target(work: Publication, target: TargetScan, buckets: Sequence[str]) -> None:
    """Fill TARGET with the rows of `buckets`, and with those of which the sync does not know the key."""
    columns, key = target.columns, sql.Identifier("v", "row_key")
    places = [sql.Identifier(f"c{n}") for n, _ in enumerate(columns)]
    owned = work.target.application_columns
    work.execute(
        _CREATE_TARGET,
        table=TARGET,
        identity=identity_types(work),
        checksums=sql.Composed([sql.SQL(", {} bigint").format(place) for place in places]),
    )
    work.execute(
        _FILL_TARGET,
        {"buckets": list(buckets)},
        table=TARGET,
        named=columns_of("v", work.target.identity),
        identity=target_identity(work),
        parts=sql.SQL(", ").join(target_parts(work)),
        key=target_key(work),
        owned=columns_of("t", owned) if owned else sql.SQL("NULL::text"),
        values=target_values(columns),
        target_rows=target_rows(work),
        bucket=target_bucket(key, target.digits),
        checksums=sql.Composed(
            [sql.SQL(", {}").format(target_checksum([key, sql.SQL("v.{}").format(place)])) for place in places]
        ),
    )
    work.execute("ANALYZE {table} (row_key)", table=TARGET)

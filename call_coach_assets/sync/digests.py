"""Fingerprints of a row's JSON, by which the two ends can be compared although each renders JSON in its own way.

`<entity>_rows` keeps two of them: `source_digest`, of the JSON texts as BigQuery wrote them, and `target_hash`, of
what Postgres made of them. While the second fits the row, the row holds what the first says.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import md5
from typing import TYPE_CHECKING

from psycopg import sql

from call_coach_assets.sync.entity import ColumnType, Entity, Placement

if TYPE_CHECKING:
    import pyarrow as pa

SEPARATOR = "\u241f"  # ␟, between the parts of a text that is hashed
PRESENT, ABSENT = "=", "~"  # what a value begins with, and what stands for NULL
DIGESTS = ("source_digest", "target_hash")


def json_columns(entity: Entity) -> tuple[str, ...]:
    """The JSON columns that the target holds and the sync keeps current."""
    return tuple(c.name for c in entity.columns if c.type is ColumnType.JSON and c.placement is Placement.SYNCED)


def digests(batch: pa.RecordBatch, entity: Entity) -> pa.Array:
    """Of each row of a query's answer the fingerprint of its JSON texts, in hex; NULL where it has none."""
    import pyarrow as pa

    names = json_columns(entity)
    if not names or any(not _is_text(batch, name) for name in names):
        return pa.nulls(batch.num_rows, pa.string())
    columns = [batch.column(name).to_pylist() for name in names]
    return pa.array([_digest(texts) for texts in zip(*columns, strict=True)], pa.string())


def _is_text(batch: pa.RecordBatch, name: str) -> bool:
    import pyarrow as pa

    return name in batch.schema.names and bool(pa.types.is_string(batch.schema.field(name).type))


def _digest(texts: Iterable[str | None]) -> str:
    joined = SEPARATOR.join(ABSENT if text is None else PRESENT + text for text in texts)
    return md5(joined.encode(), usedforsecurity=False).hexdigest()


def source_digest(entity: Entity, alias: str) -> str:
    """The same fingerprint in GoogleSQL, of a row of the entity's query."""
    texts = [f"COALESCE(CONCAT('{PRESENT}', CAST({alias}.{c} AS STRING)), '{ABSENT}')" for c in json_columns(entity)]
    separated = f", '{SEPARATOR}', ".join(texts)
    return f"TO_HEX(MD5(CONCAT({separated})))"


def target_hash(entity: Entity, alias: str) -> sql.Composed:
    """The hash, a bigint, of the JSON as Postgres holds it in the row `alias`, whatever the order of its keys."""
    hashes = [
        sql.SQL("coalesce(jsonb_hash_extended({}, {place}), {place})").format(
            sql.Identifier(alias, name), place=sql.Literal(place)
        )
        for place, name in enumerate(json_columns(entity))
    ]
    return sql.SQL("({})").format(sql.SQL(" # ").join(hashes))

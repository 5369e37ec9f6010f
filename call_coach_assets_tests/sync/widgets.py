"""An entity made by hand, with a column of every type, and batches of it as BigQuery would answer them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from call_coach_assets.sync.entity import Column, ColumnType, Entity, SourceTable

NOON = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
_STAMP = pa.timestamp("us", "UTC")


def widgets(name: str = "widgets", types: dict[str, ColumnType] | None = None) -> Entity:
    """An entity with one column per type, called after it, or with the columns of `types`."""
    columns = types or {f"a_{kind.value}": kind for kind in ColumnType}
    return Entity(
        name=name,
        description="Made by hand",
        group="tests",
        base="gong.widget",
        base_alias="widget",
        tables=(SourceTable(dataset="gong", table="widget", columns={"id": "STRING"}),),
        columns=tuple(Column(name=column, type=kind, description=column) for column, kind in columns.items()),
        key=(next(iter(columns)),),
        match=(next(iter(columns)),),
    )


def answer(stamps: list[datetime | None], **columns: list[Any]) -> pa.RecordBatch:
    """A batch of as many rows as there are stamps; `a_text` counts them where it is not given."""
    filled = {"a_text": [f"row {number}" for number in range(len(stamps))]} | columns
    return pa.record_batch({**filled, "_changed_at": pa.array(stamps, _STAMP)})

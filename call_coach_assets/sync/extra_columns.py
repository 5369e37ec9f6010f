"""The columns that the mapping does not know, on their way to columns that were added to the target for them.

Their values travel together as one JSON text. A value that does not fit its target column becomes NULL there and is a
misfit like any other; a column without a target column is carried as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from call_coach_assets.sync.entity import ColumnType
from call_coach_assets.sync.inbox_schema import EXTRA_PREFIX
from call_coach_assets.sync.value_casts import VALUE_CASTS, storable, text_of

Misfits = dict[int, str]

_DOES_NOT_FIT = (ValueError, TypeError, ArithmeticError)


def gather_extra(
    batch: pa.RecordBatch, types: Mapping[str, str]
) -> tuple[list[dict[str, Any] | None], dict[str, Misfits]]:
    """The unknown columns of each row, and what does not fit; `types` are Postgres' types of the target columns."""
    columns = [name for name in batch.schema.names if name.startswith(EXTRA_PREFIX)]
    if not columns:
        return [None] * batch.num_rows, {}
    rows: list[dict[str, Any] | None] = [{} for _ in range(batch.num_rows)]
    misfits: dict[str, Misfits] = {}
    for column in columns:
        name = column.removeprefix(EXTRA_PREFIX)
        values, misfits[name] = _cast(batch.column(column).to_pylist(), types.get(name, ""))
        for row, value in zip(rows, values, strict=True):
            if row is not None:
                row[name] = value
    return rows, misfits


def _cast(values: list[Any], kind: str) -> tuple[list[Any], Misfits]:
    cast = _CASTS.get(kind)
    if cast is None:
        return values, {}
    fitting: list[Any] = []
    misfits: Misfits = {}
    for row, value in enumerate(values):
        try:
            fitting.append(None if value is None else cast(value))
        except _DOES_NOT_FIT:
            fitting.append(None)
            misfits[row] = text_of(value)
    return fitting, misfits


def _whole(bits: int) -> Callable[[Any], int]:
    def cast(value: Any) -> int:
        number: int = VALUE_CASTS[ColumnType.INTEGER](value)
        if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
            raise ValueError(value)
        return number

    return cast


def _double(value: Any) -> str:
    text = text_of(value).strip()
    if math.isinf(float(text)) and Decimal(text).is_finite():
        raise OverflowError(text)
    return text


def _json(value: Any) -> str:
    text: str = VALUE_CASTS[ColumnType.JSON](value)
    return storable(text)


_CASTS: dict[str, Callable[[Any], Any]] = {
    "smallint": _whole(16),
    "integer": _whole(32),
    "bigint": _whole(64),
    "double precision": _double,
    "numeric": VALUE_CASTS[ColumnType.DECIMAL],
    "boolean": VALUE_CASTS[ColumnType.BOOLEAN],
    "date": VALUE_CASTS[ColumnType.DATE],
    "timestamp with time zone": VALUE_CASTS[ColumnType.TIMESTAMP],
    "timestamp without time zone": VALUE_CASTS[ColumnType.TIMESTAMP],
    "jsonb": _json,
    "json": _json,
}

"""Casting one Arrow column to the type in which it travels.

A whole column is cast at once. Only a column in which something does not fit is looked at value by value: what fits is
kept, the rest becomes NULL and is reported with its raw text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from call_coach_assets.sync.entity import ColumnType
from call_coach_assets.sync.inbox_schema import arrow_type
from call_coach_assets.sync.value_casts import DECIMAL, VALUE_CASTS, list_of, text_of

# Years 1 to 9999, in microseconds since 1970: what both ends and Python can hold.
_FIRST_MICROSECOND, _LAST_MICROSECOND = -62_135_596_800_000_000, 253_402_300_799_999_999
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
_DOES_NOT_FIT = (ValueError, TypeError, ArithmeticError, pa.ArrowException)

Misfits = dict[int, str]  # the raw text of a value that does not fit, by its row


def cast_column(column: pa.Array, kind: ColumnType) -> tuple[pa.Array, Misfits]:
    """The column in `kind`'s Arrow type, and what did not fit, which is NULL in it."""
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), arrow_type(kind)), {}
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        return _WHOLE[kind](column), {}
    except _DOES_NOT_FIT:
        return _value_by_value(column, kind)


def _value_by_value(column: pa.Array, kind: ColumnType) -> tuple[pa.Array, Misfits]:
    values: list[Any] = []
    misfits: Misfits = {}
    for row, scalar in enumerate(column):
        try:
            values.append(VALUE_CASTS[kind](scalar.as_py()) if scalar.is_valid else None)
        except _DOES_NOT_FIT:
            values.append(None)
            misfits[row] = _raw_text(scalar)
    return pa.array(values, arrow_type(kind)), misfits


def _raw_text(scalar: pa.Scalar) -> str:
    try:
        return text_of(scalar.as_py())
    except _DOES_NOT_FIT:  # a date that Python cannot hold: Arrow keeps its number of days or microseconds
        return str(scalar.value)


def _whole_text(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_temporal(column.type):
        raise ValueError("rendered value by value")
    return column.cast(pa.string())


def _whole_decimal(column: pa.Array) -> pa.Array:
    return _matching(_whole_text(column), DECIMAL)


def _whole_integer(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):
        column = _matching(column, r"^-?[0-9]+$")
    elif pa.types.is_boolean(column.type) or pa.types.is_temporal(column.type):
        raise ValueError("no number")
    return column.cast(pa.int64())


def _whole_boolean(column: pa.Array) -> pa.Array:
    if pa.types.is_boolean(column.type):
        return column
    return _matching(_whole_text(column), r"^(?i:true|false|0|1)$").cast(pa.bool_())


def _whole_date(column: pa.Array) -> pa.Array:
    if not (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type) or pa.types.is_string(column.type)):
        raise ValueError("no date")
    days = column.cast(pa.date32())
    return _within(days, days.cast(pa.int32()), _FIRST_DAY, _LAST_DAY)


def _whole_timestamp(column: pa.Array) -> pa.Array:
    if not (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type) or pa.types.is_string(column.type)):
        raise ValueError("no timestamp")
    instants = column.cast(arrow_type(ColumnType.TIMESTAMP))
    return _within(instants, instants.cast(pa.int64()), _FIRST_MICROSECOND, _LAST_MICROSECOND)


def _whole_json(column: pa.Array) -> pa.Array:
    for text in _whole_text(column).to_pylist():
        if text is not None:
            orjson.loads(text)
    return column


def _whole_text_array(column: pa.Array) -> pa.Array:
    for text in _whole_text(column).to_pylist():
        if text is not None:
            list_of(text)
    return column


def _matching(column: pa.Array, pattern: str) -> pa.Array:
    if pc.all(pc.match_substring_regex(column, pattern)).as_py() is False:
        raise ValueError(f"not all match {pattern}")
    return column


def _within(column: pa.Array, numbers: pa.Array, first: int, last: int) -> pa.Array:
    bounds = pc.min_max(numbers).as_py()
    if bounds["min"] is not None and not first <= bounds["min"] <= bounds["max"] <= last:
        raise ValueError("out of range")
    return column


_WHOLE: dict[ColumnType, Callable[[pa.Array], pa.Array]] = {
    ColumnType.TEXT: _whole_text,
    ColumnType.INTEGER: _whole_integer,
    ColumnType.DECIMAL: _whole_decimal,
    ColumnType.BOOLEAN: _whole_boolean,
    ColumnType.DATE: _whole_date,
    ColumnType.TIMESTAMP: _whole_timestamp,
    ColumnType.JSON: _whole_json,
    ColumnType.TEXT_ARRAY: _whole_text_array,
}

"""One batch of a query's answer, brought into the shape of the inbox.

ADBC does not cast: a column of another type would be stored as garbage and reported as success. So every batch gets
exactly the inbox's columns and types. A column that the answer lacks is NULL; a value that does not fit its column is
NULL and kept, with its raw text, in `_misfits`; columns called `_extra__*` are gathered into `_extra`.

Postgres cannot hold U+0000 in text, nor lone surrogates in jsonb: they become U+FFFD, with a warning on the row.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from call_coach_assets.sync.casts import Misfits, cast_column
from call_coach_assets.sync.entity import ColumnType, Entity
from call_coach_assets.sync.inbox_schema import (
    CHANGED_AT,
    CURSOR,
    EXTRA,
    EXTRA_PREFIX,
    MISFITS,
    WARNINGS,
    arrow_schema,
    query_columns,
)
from call_coach_assets.sync.value_casts import json_of

_NUL, _REPLACEMENT = "\0", "\ufffd"
_PARSED = (ColumnType.JSON, ColumnType.TEXT_ARRAY)
# A JSON escape: a pair of surrogates, one code unit, or any other.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_UNSTORABLE = re.compile(r"\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})\Z")


def conform(batch: pa.RecordBatch, entity: Entity) -> pa.RecordBatch:
    """The batch with the inbox's columns and types; `_cursor` equals `_changed_at`."""
    columns: dict[str, pa.Array] = {}
    misfits: dict[str, Misfits] = {}
    replaced: dict[int, list[str]] = {}
    for name, kind in query_columns(entity).items():
        columns[name], misfits[name], rows = _conform_column(batch, name, kind)
        for row in rows:
            replaced.setdefault(row, []).append(name)
    columns[WARNINGS] = _with_warnings(columns[WARNINGS], replaced)
    columns[EXTRA] = _gather_extra(batch)
    columns[MISFITS] = _gather_misfits(misfits, batch.num_rows)
    columns[CURSOR] = columns[CHANGED_AT]
    schema = arrow_schema(entity)
    return pa.record_batch([columns[field.name] for field in schema], schema=schema)


def _conform_column(batch: pa.RecordBatch, name: str, kind: ColumnType) -> tuple[pa.Array, Misfits, list[int]]:
    """The column, what does not fit, and the rows in which a character was replaced."""
    if name not in batch.schema.names:
        return pa.nulls(batch.num_rows, cast_column(pa.nulls(0), kind)[0].type), {}, []
    column, cleaned = _without_nul(batch.column(name))
    column, misfits = cast_column(column, kind)
    if kind not in _PARSED:
        return column, misfits, cleaned
    column, escaped = _without_unstorable_escapes(column)
    return column, misfits, [*cleaned, *escaped]


def _without_nul(column: pa.Array) -> tuple[pa.Array, list[int]]:
    if not pa.types.is_string(column.type):
        return column, []
    rows = pc.indices_nonzero(pc.match_substring(column, _NUL)).to_pylist()
    return (pc.replace_substring(column, _NUL, _REPLACEMENT), rows) if rows else (column, [])


def _without_unstorable_escapes(column: pa.Array) -> tuple[pa.Array, list[int]]:
    rows = pc.indices_nonzero(pc.match_substring(column, "\\u")).to_pylist()
    if not rows:
        return column, []
    texts = column.to_pylist()
    cleaned = {row: text for row in rows if (text := _ESCAPE.sub(_storable, texts[row])) != texts[row]}
    for row, text in cleaned.items():
        texts[row] = text
    return pa.array(texts, pa.string()), list(cleaned)


def _storable(escape: re.Match[str]) -> str:
    return _REPLACEMENT if _UNSTORABLE.match(escape[0]) else escape[0]


def _with_warnings(warnings: pa.Array, replaced: dict[int, list[str]]) -> pa.Array:
    warnings = pc.fill_null(warnings, "[]")
    if not replaced:
        return warnings
    texts = warnings.to_pylist()
    for row, names in replaced.items():
        said = [f"{name} holds characters that Postgres cannot store; U+FFFD replaces them" for name in names]
        texts[row] = json_of([*json.loads(texts[row]), *said])
    return pa.array(texts, pa.string())


def _gather_extra(batch: pa.RecordBatch) -> pa.Array:
    names = [name for name in batch.schema.names if name.startswith(EXTRA_PREFIX)]
    if not names:
        return pa.nulls(batch.num_rows, pa.string())
    rows = batch.select(names).to_pylist()
    return pa.array([_as_json({k.removeprefix(EXTRA_PREFIX): v for k, v in row.items()}) for row in rows], pa.string())


def _gather_misfits(misfits: dict[str, Misfits], rows: int) -> pa.Array:
    texts: list[dict[str, str]] = [{} for _ in range(rows)] if any(misfits.values()) else []
    for name, values in misfits.items():
        for row, raw in values.items():
            texts[row][name] = raw
    if not texts:
        return pa.nulls(rows, pa.string())
    return pa.array([_as_json(text) if text else None for text in texts], pa.string())


def _as_json(values: dict[str, Any]) -> str:
    return _ESCAPE.sub(_storable, json_of(values))


def restrict_cursor(batch: pa.RecordBatch, since: datetime | None, now: datetime) -> pa.RecordBatch:
    """NULL every `_cursor` before `since` or after `now`, BigQuery's time.

    A stamp in the future would hide every change until then. One before `since` belongs to a row that was read for
    another reason, such as a NULL stamp: dlt would drop it, as it drops whatever lies before its cursor.
    """
    index = batch.schema.get_field_index(CURSOR)
    stamps = batch.column(index)
    moves = pc.less_equal(stamps, pa.scalar(now, stamps.type))
    if since is not None:
        moves = pc.and_(moves, pc.greater_equal(stamps, pa.scalar(since, stamps.type)))
    return batch.set_column(index, batch.schema.field(index), pc.if_else(moves, stamps, pa.scalar(None, stamps.type)))

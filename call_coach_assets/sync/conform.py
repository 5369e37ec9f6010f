"""One batch of a query's answer, brought into the shape of the inbox.

ADBC does not cast: a column of another type would be stored as garbage and reported as success. So every batch gets
exactly the inbox's columns and types. A column that the answer lacks is NULL; a value that does not fit its column is
NULL and kept, with its raw text, in `_misfits`, and so are the raw texts in columns called `_misfit__*`, which the
query lost; columns called `_extra__*` are gathered into `_extra`.

Postgres cannot hold U+0000 in text, nor lone surrogates in jsonb: they become U+FFFD, with a warning on the row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from call_coach_assets.sync.casts import Misfits, cast_column
from call_coach_assets.sync.digests import digests
from call_coach_assets.sync.entity import ColumnType, Entity
from call_coach_assets.sync.extra_columns import gather_extra
from call_coach_assets.sync.inbox_schema import (
    CHANGED_AT,
    CURSOR,
    DIGEST,
    EXTRA,
    MISFIT_PREFIX,
    MISFITS,
    WARNINGS,
    arrow_schema,
    query_columns,
)
from call_coach_assets.sync.value_casts import json_of, storable

_NUL, _REPLACEMENT = "\0", "\ufffd"
_PARSED = (ColumnType.JSON, ColumnType.TEXT_ARRAY)


def conform(batch: pa.RecordBatch, entity: Entity, extra_types: Mapping[str, str] | None = None) -> pa.RecordBatch:
    """The batch with the inbox's columns and types; `_cursor` equals `_changed_at`.

    `extra_types` are Postgres' types of the target's columns for columns that the mapping does not know.
    """
    columns: dict[str, pa.Array] = {}
    misfits: dict[str, Misfits] = {}
    replaced: dict[int, list[str]] = {}
    for name, kind in query_columns(entity).items():
        columns[name], misfits[name], rows = _conform_column(batch, name, kind)
        for row in rows:
            replaced.setdefault(row, []).append(name)
    columns[WARNINGS] = _with_warnings(columns[WARNINGS], replaced)
    extra, unfit = gather_extra(batch, extra_types or {})
    columns[EXTRA] = pa.array([row and _as_json(row) for row in extra], pa.string())
    columns[MISFITS] = _gather_misfits([_lost_by_the_query(batch), misfits, unfit], batch.num_rows)
    columns[DIGEST] = digests(batch, entity)
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
    cleaned = {row: text for row in rows if (text := storable(texts[row])) != texts[row]}
    for row, text in cleaned.items():
        texts[row] = text
    return pa.array(texts, pa.string()), list(cleaned)


def _with_warnings(warnings: pa.Array, replaced: dict[int, list[str]]) -> pa.Array:
    warnings = pc.fill_null(warnings, "[]")
    if not replaced:
        return warnings
    texts = warnings.to_pylist()
    for row, names in replaced.items():
        said = [f"{name} holds characters that Postgres cannot store; U+FFFD replaces them" for name in names]
        texts[row] = json_of([*json.loads(texts[row]), *said])
    return pa.array(texts, pa.string())


def _lost_by_the_query(batch: pa.RecordBatch) -> dict[str, Misfits]:
    lost = {}
    for column in batch.schema.names:
        if column.startswith(MISFIT_PREFIX):
            texts = enumerate(batch.column(column).to_pylist())
            lost[column.removeprefix(MISFIT_PREFIX)] = {row: text for row, text in texts if text is not None}
    return lost


def _gather_misfits(found: list[dict[str, Misfits]], rows: int) -> pa.Array:
    if not any(any(misfits.values()) for misfits in found):
        return pa.nulls(rows, pa.string())
    texts: list[dict[str, str]] = [{} for _ in range(rows)]
    for name, values in (item for misfits in found for item in misfits.items()):
        for row, raw in values.items():
            texts[row][name] = raw
    return pa.array([_as_json(text) if text else None for text in texts], pa.string())


def _as_json(values: dict[str, Any]) -> str:
    return storable(json_of(values))


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

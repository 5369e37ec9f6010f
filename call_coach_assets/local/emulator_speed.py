"""What makes the emulator quick enough for a test suite.

For each statement bqemulator parses the same text about twenty times: every one of its rewriters does, and every
classification. Within our own server process a text is parsed once; callers get a copy of the tree, and those that
only read it the tree itself. What depends on nothing but its arguments, the translation first of all, is computed
once. A query of thirty lines takes 7 ms instead of 115 when it is repeated, 57 ms when it is new. Answers are written
column by column: bqemulator looks at the type of every single value.

It replaces names of sqlglot and private names of bqemulator 1.4; a test fails where a newer release no longer has them.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import sqlglot
from bqemulator.api.routes import jobs, tabledata
from bqemulator.jobs import executor
from bqemulator.scripting import interpreter
from bqemulator.sql.translator import SQLTranslator
from bqemulator.storage.arrow_bridge import _format_bq_value

_REMEMBERED = 512
_ONLY_READING = frozenset(
    {
        "bqemulator.catalog.ddl_sync",
        "bqemulator.jobs.ddl_result",
        "bqemulator.jobs.executor",
        "bqemulator.jobs.routine_ddl",
        "bqemulator.sql.catalog_schema",
    }
)


def speed_up() -> None:
    """Remember parsed and translated texts from now on, for the whole process."""
    replace(sqlglot, "parse_one", _parsing_once)
    replace(SQLTranslator, "translate", _translating_once)
    replace(executor, "parse_script", functools.lru_cache(_REMEMBERED))
    for module in (executor, interpreter):
        replace(module, "rewrite_table_refs", functools.lru_cache(_REMEMBERED))
    for routes in (jobs, tabledata):
        replace(routes, "arrow_table_to_bq_rows", lambda _: rows_of)


def replace(owner: object, name: str, make: Callable[[Any], Any]) -> None:
    """Put `make(what it is now)` in the place of an attribute; AttributeError where there is none."""
    setattr(owner, name, make(getattr(owner, name)))


def rows_of(table: pa.Table, offset: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
    """Stands in for arrow_table_to_bq_rows: rows as BigQuery's REST API writes them."""
    if table.num_rows == 0 or table.num_columns == 0:
        return []
    part = table.slice(offset, limit)
    columns = [_written(part.schema.field(place), part.column(place)) for place in range(part.num_columns)]
    return [{"f": [{"v": value} for value in row]} for row in zip(*columns, strict=True)]


def _written(field: pa.Field, values: pa.ChunkedArray) -> list[Any]:
    kind = field.type
    if pa.types.is_timestamp(kind) and kind.unit == "us" and kind.tz is not None:
        values = values.cast(pa.int64())
    if pa.types.is_integer(values.type) or pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return list(values.cast(pa.string()).to_pylist())
    return [_format_bq_value(value, kind, field=field) for value in values.to_pylist()]


def _parsing_once(parse_one: Callable[..., Any]) -> Callable[..., Any]:
    remembered = functools.lru_cache(_REMEMBERED)(parse_one)

    @functools.wraps(parse_one)
    def parse(text: str, *arguments: Any, **options: Any) -> Any:
        tree = remembered(text, *arguments, **options)
        return tree if sys._getframe(1).f_globals["__name__"] in _ONLY_READING else tree.copy()

    return parse


def _translating_once(translate: Callable[..., Any]) -> Callable[..., Any]:
    @functools.lru_cache(_REMEMBERED)
    def remembered(translator: Any, text: str, _columns: str, call: _Unhashed) -> Any:
        return translate(translator, text, **call.arguments)

    @functools.wraps(translate)
    def translate_once(self: Any, text: str, **arguments: Any) -> Any:
        return remembered(self, text, repr(sorted(arguments.items())), _Unhashed(arguments))

    return translate_once


class _Unhashed:
    """Arguments that ride along with a key without being part of it: all are equal."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unhashed)

    def __hash__(self) -> int:
        return 0

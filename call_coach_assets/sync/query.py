"""Reading a `query.sql`: which source tables and columns it reads, and where each stands in its text.

The text is parsed by sqlglot in BigQuery's dialect and never regenerated: whoever changes a query replaces spans of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from call_coach_assets.errors import ConfigurationError

DIALECT = "bigquery"
REMEMBERED_QUERIES = 64

Source = exp.Table | exp.Subquery | exp.Unnest


@dataclass(frozen=True)
class Span:
    """A part of a text, as `text[start:end]`."""

    start: int
    end: int


@dataclass(frozen=True)
class TableRead:
    """One place where a source table is read; `table` is `dataset.table`."""

    table: str
    alias: str
    span: Span


@dataclass(frozen=True)
class ColumnRead:
    """One place where a column of a source table is read, as `alias.name`.

    `conditional` where it decides which rows are read (WHERE, ON); `alone` where it is an item of a select list or of
    a STRUCT and gives it its name; `cast` is the type of a CAST directly around it; `tested` where IS NULL is asked.
    """

    table: str
    alias: str
    name: str
    span: Span
    conditional: bool
    alone: bool
    cast: str | None
    tested: bool


@dataclass(frozen=True)
class Query:
    """A parsed query; `outputs` are the names of what it yields, in order."""

    text: str
    tree: exp.Select
    tables: tuple[TableRead, ...]
    columns: tuple[ColumnRead, ...]
    outputs: tuple[str, ...]

    def line(self, span: Span) -> int:
        """The line, from 1, on which a span starts."""
        return self.text.count("\n", 0, span.start) + 1


@lru_cache(REMEMBERED_QUERIES)
def read_query(text: str) -> Query:
    """Parse a query. Raises ConfigurationError where it is not one SELECT, or reads a column without an alias."""
    try:
        tree = sqlglot.parse_one(text, dialect=DIALECT)
    except SqlglotError as error:
        raise _unreadable(_first_mistake(error)) from error
    if not isinstance(tree, exp.Select):
        raise _unreadable("it is not one SELECT, with or without WITH before it")
    tables = tuple(_table_reads(tree))
    return Query(text, tree, tables, tuple(_column_reads(text, tree)), tuple(tree.named_selects))


def source_of(column: exp.Column) -> Source | None:
    """What a column is read from: a table or CTE, a subquery, an UNNEST; None for the offset of an UNNEST."""
    alias = column.table or column.name
    select = column.parent_select
    while select is not None:
        found = sources_of(select).get(alias)
        if found is not None and (column.table or isinstance(found, exp.Unnest)):
            return found
        select = select.parent_select
    return None


def physical_name(source: Source | None) -> str | None:
    """`dataset.table` where the source is a table of the warehouse, else None."""
    return f"{source.db}.{source.name}" if isinstance(source, exp.Table) and source.db else None


def sources_of(select: exp.Select) -> dict[str, Source]:
    """What a SELECT reads, by alias: its FROM and its joins."""
    clauses = [select.args.get("from_"), *select.args.get("joins", [])]
    items = [clause.this for clause in clauses if clause is not None]
    return {name: item for item in items for name in [_alias(item)] if name}


def _alias(source: exp.Expression) -> str:
    alias = source.args.get("alias")
    if isinstance(source, exp.Unnest) and alias is not None and alias.columns:
        return str(alias.columns[0].name)
    return str(source.alias_or_name)


def _table_reads(tree: exp.Expression) -> Iterator[TableRead]:
    for table in tree.find_all(exp.Table):
        name = physical_name(table)
        if name is not None:
            yield TableRead(name, table.alias_or_name, _span(table.parts))


def _column_reads(text: str, tree: exp.Expression) -> Iterator[ColumnRead]:
    for column in tree.find_all(exp.Column):
        source = source_of(column)
        table = physical_name(source)
        if source is None and not _is_offset(column):
            line = text.count("\n", 0, _span(column.parts).start) + 1
            raise _unreadable(f"line {line}: {column.sql(DIALECT)} is qualified with no alias that is read there")
        if table is not None:
            yield _column_read(column, table)


def _column_read(column: exp.Column, table: str) -> ColumnRead:
    around = column.parent
    return ColumnRead(
        table=table,
        alias=column.table,
        name=column.name,
        span=_span(column.parts),
        conditional=_is_conditional(column),
        alone=isinstance(around, exp.Select | exp.Struct),
        cast=around.to.sql(DIALECT) if isinstance(around, exp.Cast) else None,
        tested=isinstance(around, exp.Is),
    )


def _is_conditional(node: exp.Expr) -> bool:
    while node.parent is not None and not isinstance(node.parent, exp.Select):
        if node.arg_key == "on" or isinstance(node.parent, exp.Where):
            return True
        node = node.parent
    return False


def _is_offset(column: exp.Column) -> bool:
    select = column.parent_select
    offsets = [unnest.args.get("offset") for unnest in select.find_all(exp.Unnest)] if select is not None else []
    return not column.table and any(isinstance(name, exp.Identifier) and name.name == column.name for name in offsets)


def _span(parts: Sequence[exp.Expr]) -> Span:
    return Span(parts[0].meta["start"], parts[-1].meta["end"] + 1)


def _first_mistake(error: SqlglotError) -> str:
    mistakes = getattr(error, "errors", None)
    if not mistakes:
        return str(error).splitlines()[0]
    first = mistakes[0]
    return f"line {first['line']}, column {first['col']}: {first['description']}"


def _unreadable(why: str) -> ConfigurationError:
    return ConfigurationError("The query cannot be read", why=why, remedy="correct query.sql")

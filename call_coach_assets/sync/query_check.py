"""Whether an entity's query and its declaration fit each other."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from call_coach_assets.errors import ConfigurationError
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.query import Query, physical_name, read_query, sources_of
from call_coach_assets.sync.rewrite import final_select

SYSTEM_COLUMNS = ("_changed_at", "_deleted", "_rejected", "_warnings")
_CURSOR = "cursor"


def checked_query(entity: Entity) -> Query:
    """The entity's query, parsed. Raises ConfigurationError naming all in which it differs from the declaration."""
    query = read_query(entity.query)
    final_select(entity.query)
    mistakes = [*_tables(entity, query), *_columns(entity, query), *_outputs(entity, query), *_cursor(query)]
    if mistakes:
        raise ConfigurationError(
            f"The query of {entity.name} does not fit its declaration",
            why="; ".join(mistakes),
            remedy="declare in defs.yaml what query.sql reads and yields, or change query.sql",
        )
    return query


def _tables(entity: Entity, query: Query) -> Iterator[str]:
    declared = {table.name for table in entity.tables}
    for read in query.tables:
        if read.table not in declared:
            names = ", ".join(sorted(declared))
            line = query.line(read.span)
            yield f"line {line} reads the table {read.table}, which is not declared (declared: {names})"
    unread = sorted(declared - {read.table for read in query.tables})
    if unread:
        yield f"it never reads {', '.join(unread)}, which is declared under tables"
    if physical_name(sources_of(query.tree).get(entity.base_alias)) != entity.base:
        yield f"its last SELECT does not read the base {entity.base} AS {entity.base_alias}"


def _columns(entity: Entity, query: Query) -> Iterator[str]:
    declared = {table.name: table.columns for table in entity.tables}
    for read in query.columns:
        columns = declared.get(read.table)
        if columns is not None and read.name not in columns:
            names = ", ".join(columns)
            line = query.line(read.span)
            yield f"line {line} reads {read.name} of {read.table}, which is not declared there (declared: {names})"


def _outputs(entity: Entity, query: Query) -> Iterator[str]:
    wanted = [*(column.name for column in entity.columns), *SYSTEM_COLUMNS]
    missing = [name for name in wanted if name not in query.outputs]
    unknown = [name for name in query.outputs if name not in wanted]
    if missing:
        yield f"it does not yield {', '.join(missing)}"
    if unknown:
        yield f"it yields {', '.join(unknown)}, which is not declared under columns"


def _cursor(query: Query) -> Iterator[str]:
    if not any(parameter.name.lower() == _CURSOR for parameter in query.tree.find_all(exp.Parameter)):
        yield "it compares nothing with @cursor, so that every run would read everything"

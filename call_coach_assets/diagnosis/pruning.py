"""Whether BigQuery can leave partitions unread: what the last WHERE of a query compares with the cursor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlglot
from sqlglot import exp

from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.query import DIALECT

STAMP = "_fivetran_synced"


def compares_base_with_cursor(entity: Entity) -> bool:
    """Whether rows of the base are chosen by `alias._fivetran_synced >= @cursor`: the bare column, and a constant."""
    return any(_is_comparison(condition, entity) for condition in _alternatives(entity))


def reads_by_cursor_alone(entity: Entity) -> bool:
    """Whether nothing else chooses rows, a missing stamp excepted: then partitions before the cursor are not read."""
    conditions = list(_alternatives(entity))
    known = all(_is_comparison(condition, entity) or _is_missing_stamp(condition, entity) for condition in conditions)
    return known and compares_base_with_cursor(entity)


def _alternatives(entity: Entity) -> Iterator[Any]:
    """What the last WHERE joins with OR."""
    where = sqlglot.parse_one(entity.query, dialect=DIALECT).args.get("where")
    if where is not None:
        yield from where.this.flatten() if isinstance(where.this, exp.Or) else [where.this]


def _is_comparison(condition: Any, entity: Entity) -> bool:
    return (
        isinstance(condition, exp.GTE)
        and _is_stamp(condition.this, entity)
        and isinstance(condition.expression, exp.Parameter)
        and condition.expression.name == "cursor"
    )


def _is_missing_stamp(condition: Any, entity: Entity) -> bool:
    return (
        isinstance(condition, exp.Is)
        and _is_stamp(condition.this, entity)
        and isinstance(condition.expression, exp.Null)
    )


def _is_stamp(column: Any, entity: Entity) -> bool:
    return isinstance(column, exp.Column) and (column.table, column.name) == (entity.base_alias, STAMP)

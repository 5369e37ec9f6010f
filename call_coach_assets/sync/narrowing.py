"""Numbers that the inbox holds and the target's column does not: NULL and a misfit, not a row that is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

from psycopg import sql

from call_coach_assets.sync.entity import Column, ColumnType
from call_coach_assets.sync.publication import Publication

_BITS = {"smallint": 16, "integer": 32}
_NUMERIC = re.compile(r"numeric\((\d+),(-?\d+)\)")


def fits(work: Publication, column: Column) -> sql.Composed | None:
    """Whether the inbox's value fits the target's column; None where every value does, or where the row needs one."""
    if column.required or column.name in work.entity.key:
        return None
    raw, kind = sql.Identifier("i", column.name), work.target.type_of(column.name)
    if column.type is ColumnType.INTEGER and kind in _BITS:
        most = 2 ** (_BITS[kind] - 1)
        return sql.SQL("{} BETWEEN {} AND {}").format(raw, sql.Literal(-most), sql.Literal(most - 1))
    numeric = _NUMERIC.fullmatch(kind) if column.type is ColumnType.DECIMAL else None
    if numeric is None:
        return None
    digits, scale = int(numeric[1]), int(numeric[2])
    limit = sql.SQL(f"1e{digits - scale}::numeric")
    return sql.SQL("abs(round({}::numeric, {})) < {}").format(raw, sql.Literal(scale), limit)


def narrowed(work: Publication, column: Column, value: sql.Composable) -> sql.Composable:
    """The value, or NULL where it does not fit the target's column."""
    condition = fits(work, column)
    return value if condition is None else sql.SQL("CASE WHEN {} THEN {} END").format(condition, value)


def misfits(work: Publication, found: sql.Composable) -> sql.Composable:
    """The row's misfits as jsonb: those that were `found` before, and the numbers that are too large here."""
    tests = list(_tests(work))
    if not tests:
        return found
    all_fit = sql.SQL(" AND ").join(sql.SQL("coalesce({}, true)").format(test) for _, test in tests)
    large = sql.SQL(", ").join(
        sql.SQL("{}::text, CASE WHEN NOT ({}) THEN {}::text END").format(
            sql.Literal(name), test, sql.Identifier("i", name)
        )
        for name, test in tests
    )
    return sql.SQL(
        "CASE WHEN {} THEN {} ELSE coalesce({}, '{{}}') || jsonb_strip_nulls(jsonb_build_object({})) END"
    ).format(all_fit, found, found, large)


def _tests(work: Publication) -> Iterator[tuple[str, sql.Composed]]:
    for column in work.entity.columns:
        test = fits(work, column)
        if test is not None:
            yield column.name, test

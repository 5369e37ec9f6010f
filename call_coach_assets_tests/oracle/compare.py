"""The differences between two worlds, one readable line each."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from call_coach_assets_tests.oracle.values import instant
from call_coach_assets_tests.oracle.world import ENTITIES, Anything, Key, World

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_TOLERANCE = {"talk_time_percentage": Decimal("0.01")}


def differences(
    expected: World,
    observed: World,
    *,
    entities: Collection[str] = ENTITIES,
    ignore: Collection[str] = (),
    limit: int = 40,
) -> list[str]:
    """At most `limit` lines: rows that are missing or too many, columns that differ, other waiting or dead keys.

    `ignore` names columns as `calls.processed_at`. JSON is compared as far as it is expected: what else it holds is
    the sync's own affair, and an id may be a number or a text there.
    """
    lines = [line for entity in entities for line in _entity(entity, expected, observed, ignore)]
    more = [f"... and {len(lines) - limit} more"] if len(lines) > limit else []
    return lines[:limit] + more


def _entity(entity: str, expected: World, observed: World, ignore: Collection[str]) -> Iterator[str]:
    wanted, found = expected.rows[entity], observed.rows[entity]
    yield from _sets(f"{entity}: rows", set(wanted), set(found))
    for key in _ordered(set(wanted) & set(found)):
        for column, value in _compared(wanted[key]).items():
            if f"{entity}.{column}" not in ignore and not _same(column, value, found[key].get(column)):
                yield f"{entity} {key} {column}: expected {value!r}, found {found[key].get(column)!r}"
    yield from _sets(f"{entity}: waiting", expected.waiting[entity], observed.waiting[entity])
    yield from _sets(f"{entity}: dead letters", expected.dead_letters[entity], observed.dead_letters[entity])


def _compared(row: dict[str, Any]) -> dict[str, Any]:
    """The columns to compare: of a row that is gone at the source and only kept for what hangs on it, just that.

    Of a row whose version at the source cannot be published, none.
    """
    if row.get("stale"):
        return {}
    return {"source_deleted": True} if row.get("source_deleted") else row


def _sets(what: str, expected: set[Key], observed: set[Key]) -> Iterator[str]:
    for verdict, keys in (("missing", expected - observed), ("too many", observed - expected)):
        if keys:
            yield f"{what} {verdict} ({len(keys)}): {', '.join(map(str, _ordered(keys)[:5]))}"


def _ordered(keys: set[Key]) -> list[Key]:
    return sorted(keys, key=str)


def _same(column: str, expected: Any, observed: Any) -> bool:
    if isinstance(expected, Anything):
        return observed is not None
    if isinstance(expected, dict):
        return isinstance(observed, dict) and _holds(canonical(expected), canonical(observed))
    if column in _TOLERANCE and expected is not None and observed is not None:
        return abs(Decimal(expected) - Decimal(observed)) <= _TOLERANCE[column]
    return bool(expected == observed)


def _holds(expected: Any, observed: Any) -> bool:
    """Whether `observed` has all that is expected: of an object each entry, of anything else the value."""
    if isinstance(expected, dict) and isinstance(observed, dict):
        return all(_holds(value, observed.get(key)) for key, value in expected.items())
    return bool(expected == observed) or (expected in ({}, []) and observed is None)


def canonical(value: Any) -> Any:
    """A JSON value without its NULLs, with numbers, instants and nested JSON texts in one spelling each."""
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return value if isinstance(value, bool) or value is None else _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return canonical(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, datetime) or _INSTANT.fullmatch(str(value)):
        return str(instant(value) or value)
    if isinstance(value, date) or not _NUMBER.fullmatch(str(value)):
        return str(value)
    return str(Decimal(str(value)).normalize())

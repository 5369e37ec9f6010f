"""The source rows as the mapping sees them: the newest of each key, whatever the spelling of the columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from call_coach_assets_tests.oracle.values import instant, text
from call_coach_assets_tests.oracle.world import Tables

_NEVER, _EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_READ_BY_ITS_OWN_STAMP = {"gong.transcript"}
K = TypeVar("K")


def _spelling(column: str) -> str:
    return column.replace("_", "").lower()


class Row:
    """One source row; `row["stage_name"]` also finds StageName, and is None where there is no such column."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = {_spelling(column): value for column, value in values.items()}

    def __getitem__(self, column: str) -> Any:
        return self._values.get(_spelling(column))

    @property
    def deleted(self) -> bool:
        """Whether Fivetran or Salesforce flags it deleted."""
        return bool(self["_fivetran_deleted"] or self["is_deleted"])

    @property
    def stamp(self) -> datetime:
        """When Fivetran wrote it; long ago where it does not say."""
        return instant(self["_fivetran_synced"]) or _NEVER


class Source:
    """Reads the tables of a warehouse by name; a table that is absent has no rows."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.newest = cache(self._newest)
        self.by_id = cache(self._by_id)

    def has(self, table: str) -> bool:
        """Whether the warehouse has the table."""
        return table in self._tables

    def every(self, table: str) -> list[Row]:
        """All rows, as they lie there."""
        return [Row(values) for values in self._tables.get(table, [])]

    def _newest(self, table: str, *key: str) -> dict[tuple[str | None, ...], Row]:
        """The newest row of each key, flagged deleted or not.

        Of equally new ones, the one that is not deleted; of those, that of the first workspace. Where rows are read by
        their own stamp alone, one that has none is seen whenever any other is, and is the newest.
        """
        stampless = _EVER if table in _READ_BY_ITS_OWN_STAMP else _NEVER
        rows = sorted(self.every(table), key=lambda row: text(row["workspace_id"]) or "", reverse=True)
        rows.sort(key=lambda row: (stampless if row.stamp == _NEVER else row.stamp, not row.deleted))
        return {tuple(text(row[column]) for column in key): row for row in rows}

    def live(self, table: str, *key: str) -> list[Row]:
        """The newest row of each key, without those flagged deleted."""
        return [row for row in self.newest(table, *key).values() if not row.deleted]

    def _by_id(self, table: str) -> dict[str | None, Row]:
        """The live rows by their id."""
        return grouped_last(self.live(table, "id"), lambda row: text(row["id"]))


def grouped(rows: Iterable[Row], key: Callable[[Row], K]) -> dict[K, list[Row]]:
    """The rows of each key, in their order."""
    groups: dict[K, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def grouped_last(rows: Iterable[Row], key: Callable[[Row], K]) -> dict[K, Row]:
    """The last row of each key."""
    return {key(row): row for row in rows}

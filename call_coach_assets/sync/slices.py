"""A backfill is published in slices: bounded transactions, two at a time, each committed for itself.

No transaction grows with the table, two connections share the work, and a backfill that is cut off goes on where it
was: what is published has left the inbox. A slice holds every landed version of its keys, so it decides alone: a range
of the inbox's pages where every key was landed once, which is what a first sync lands, else all rows of its calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import TypeVar

from psycopg import sql

from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Pool, transaction
from call_coach_assets.sync.publication import Slice

CONNECTIONS = 2

_ALL_ONCE = """
SELECT NOT EXISTS (SELECT FROM {inbox} GROUP BY {key} HAVING count(*) > 1),
       pg_relation_size(to_regclass(%s)) / current_setting('block_size')::int
"""

_T = TypeVar("_T")


@dataclass(frozen=True)
class KeySlice:
    """The rows whose `column` hashes to `place`, of `number` in all."""

    column: str
    place: int
    number: int

    def holds(self, alias: str) -> sql.Composed:
        """Whether a row of the inbox is in the slice."""
        hashed = sql.SQL("hashtext(coalesce({}::text, '')) & 2147483647").format(sql.Identifier(alias, self.column))
        return sql.SQL("mod({}, {}) = {}").format(hashed, sql.Literal(self.number), sql.Literal(self.place))


@dataclass(frozen=True)
class PageSlice:
    """The rows on the pages from `first` to before `end`: Postgres looks at no other."""

    first: int
    end: int

    def holds(self, alias: str) -> sql.Composed:
        """Whether a row of the inbox is in the slice."""
        return sql.SQL("({row} >= {first}::tid AND {row} < {end}::tid)").format(
            row=sql.Identifier(alias, "ctid"),
            first=sql.Literal(f"({self.first},0)"),
            end=sql.Literal(f"({self.end},0)"),
        )


def slices_of(pool: Pool, entity: Entity, entities: Mapping[str, Entity], settings: Settings) -> list[Slice]:
    """The slices to publish ahead of the rest; none where one transaction of SYNC_PUBLISH_ROWS rows is enough.

    An entity that others refer to, or whose rows are complete for a scope, is published whole.
    """
    if entity.scope or entity.adopt or _has_children(entity, entities):
        return []
    rows = _landed_rows(pool, entity, Names(settings.sync_schema))
    if rows <= settings.sync_publish_rows:
        return []
    number = CONNECTIONS * ceil(rows / settings.sync_publish_rows / CONNECTIONS)
    pages = _pages_of_single_versions(pool, entity, Names(settings.sync_schema))
    if pages is None:
        return [KeySlice(entity.key[0], place, number) for place in range(number)]
    step = ceil(pages / number)
    return [PageSlice(first, first + step) for first in range(0, pages, step)]


def in_turn(publish: Callable[[Slice], _T], slices: Sequence[Slice]) -> list[_T]:
    """Publish the slices, CONNECTIONS at a time. The first failure is raised, and no further slice is begun."""
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="publish") as threads:
        begun = [threads.submit(publish, part) for part in slices]
        try:
            return [each.result() for each in begun]
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _has_children(entity: Entity, entities: Mapping[str, Entity]) -> bool:
    return any(reference.entity == entity.name for child in entities.values() for reference in child.references)


def _landed_rows(pool: Pool, entity: Entity, names: Names) -> int:
    with transaction(pool, f"counting the landed rows of {entity.name}") as connection:
        inbox = names.inbox(entity.name)
        found = connection.execute("SELECT to_regclass(%s)", [inbox.as_string(connection)]).fetchone()
        if not found or found[0] is None:
            return 0
        counted = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(inbox)).fetchone()
        return int(counted[0]) if counted else 0


def _pages_of_single_versions(pool: Pool, entity: Entity, names: Names) -> int | None:
    """The number of the inbox's pages; None where a key was landed more than once."""
    with transaction(pool, f"looking for keys of {entity.name} that were landed twice") as connection:
        connection.execute("SET LOCAL work_mem = '64MB'")
        inbox = names.inbox(entity.name)
        key = sql.SQL(", ").join(map(sql.Identifier, entity.key))
        found = connection.execute(sql.SQL(_ALL_ONCE).format(inbox=inbox, key=key), [inbox.as_string(connection)])
        once, pages = found.fetchone() or (False, 0)
        return int(pages) if once else None

"""A backfill is published in slices: bounded transactions, two at a time, each committed for itself.

No transaction grows with the table, two connections share the work, and a backfill that is cut off goes on where it
was: what is published has left the inbox. A slice holds every landed row of its calls (or mails), so it decides alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import TypeVar

from psycopg import sql

from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Pool, transaction
from call_coach_assets.sync.publication import Slice

CONNECTIONS = 2

_T = TypeVar("_T")


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
    return [Slice(entity.key[0], place, number) for place in range(number)]


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

"""A backfill is published in slices: bounded transactions, two at a time, each committed for itself.

No transaction grows with the table, two connections share the work, and a backfill that is cut off goes on where it
was: what is published has left the inbox. A slice holds every landed version of its keys, so it decides alone: a range
of the inbox's pages where every key was landed once, which is what a first sync lands, else all rows of its calls.
While more is read, what a load brought is published by itself (`ahead`): a query yields each key once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import ClassVar, TypeVar

from psycopg import sql

from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.landed_keys import LandedKeys
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Pool, transaction
from call_coach_assets.sync.publication import Slice, columns_of
from call_coach_assets.sync.versions import any_null

CONNECTIONS = 2

_LOOK = """
SELECT EXISTS (SELECT FROM {inbox} i WHERE NOT ({keyless}) GROUP BY {key} HAVING count(*) > 1),
       coalesce(bool_or({keyless}), false)
FROM {inbox} i
"""
# a sample is enough: where the cuts are decides how long a slice takes, not what is published
_CUTS = """
SELECT percentile_disc(%(shares)s::float8[]) WITHIN GROUP (ORDER BY i.ctid)::text[]
FROM {inbox} i TABLESAMPLE SYSTEM (least(100, 100.0 * {sampled} / greatest(pg_relation_size({name}), 1))) REPEATABLE (0)
WHERE {of_load}
"""
_SAMPLED = 16 * 2**20  # bytes of the inbox that are looked at to divide it

_LAST_SHARES = (0.3, 0.6, 0.75, 0.9, 0.95)  # where the slices of the last load end, but for the last one

_T = TypeVar("_T")


@dataclass(frozen=True)
class KeySlice:
    """The rows whose `column` hashes to `place`, of `number` in all."""

    column: str
    place: int
    number: int
    load: ClassVar[None] = None
    settled: ClassVar[bool] = False

    def holds(self, alias: str) -> sql.Composed:
        """Whether a row of the inbox is in the slice."""
        hashed = sql.SQL("hashtext(coalesce({}::text, '')) & 2147483647").format(sql.Identifier(alias, self.column))
        return sql.SQL("mod({}, {}) = {}").format(hashed, sql.Literal(self.number), sql.Literal(self.place))


@dataclass(frozen=True)
class PageSlice:
    """The rows on the pages from `first` to before `end`, or to the last: Postgres looks at no other.

    Only those of `load`, if any.
    """

    first: int
    end: int | None
    load: str | None = None
    settled: bool = False

    def holds(self, alias: str) -> sql.Composed:
        """Whether a row of the inbox is in the slice."""
        row = sql.Identifier(alias, "ctid")
        limits = [sql.SQL("{} >= {}::tid").format(row, sql.Literal(f"({self.first},0)")), _of_load(alias, self.load)]
        if self.end is not None:
            limits.append(sql.SQL("{} < {}::tid").format(row, sql.Literal(f"({self.end},0)")))
        return sql.SQL("({})").format(sql.SQL(" AND ").join(limits))


@dataclass(frozen=True)
class LoadSlice:
    """All rows that came with a load."""

    load: str
    settled: ClassVar[bool] = False

    def holds(self, alias: str) -> sql.Composed:
        """Whether a row of the inbox is in the slice."""
        return _of_load(alias, self.load)


def slices_of(pool: Pool, entity: Entity, entities: Mapping[str, Entity], settings: Settings) -> list[Slice]:
    """The slices to publish ahead of the rest; none where one transaction of SYNC_PUBLISH_ROWS rows is enough.

    An entity that others refer to, or whose rows are complete for a scope, is published whole.
    """
    if not divisible(entity, entities):
        return []
    rows = _landed_rows(pool, entity, Names(settings.sync_schema))
    if rows <= settings.sync_publish_rows:
        return []
    number = CONNECTIONS * ceil(rows / settings.sync_publish_rows / CONNECTIONS)
    keys = _look(pool, entity, Names(settings.sync_schema))
    if not keys.once:
        return [KeySlice(entity.key[0], place, number) for place in range(number)]
    return _page_slices(pool, entity, settings, _evenly(number), settled=keys.complete)


def slices_of_load(
    pool: Pool, entity: Entity, settings: Settings, load: str, keys: LandedKeys, *, last: bool = False
) -> list[Slice]:
    """The slices of what came with one load, one for each connection; a single one where a key came twice.

    Of the `last` load they are more, and smaller to the end, so that no connection works alone for long.
    """
    if not keys.once:
        return [LoadSlice(load)]
    shares = _LAST_SHARES if last else _evenly(CONNECTIONS)
    return _page_slices(pool, entity, settings, shares, settled=keys.complete, load=load)


def divisible(entity: Entity, entities: Mapping[str, Entity]) -> bool:
    """Whether parts of the entity's rows can be published one by one."""
    return not (entity.scope or entity.adopt or _has_children(entity, entities))


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


def _of_load(alias: str, load: str | None) -> sql.Composed:
    if load is None:
        return sql.SQL("{}").format(sql.Literal(True))
    # of a load that came after the last ANALYZE the planner would expect a single row, and join by nested loops;
    # of what coalesce yields it expects half
    return sql.SQL("coalesce({} = {}, false)").format(sql.Identifier(alias, "_dlt_load_id"), sql.Literal(load))


def _look(pool: Pool, entity: Entity, names: Names) -> LandedKeys:
    with transaction(pool, f"looking for keys of {entity.name} that were landed twice") as connection:
        connection.execute("SET LOCAL work_mem = '64MB'")
        statement = sql.SQL(_LOOK).format(
            inbox=names.inbox(entity.name), key=columns_of("i", entity.key), keyless=any_null("i", entity.key)
        )
        twice, keyless = connection.execute(statement).fetchone() or (True, True)
        return LandedKeys(once=not twice, complete=not keyless)


def _evenly(number: int) -> list[float]:
    """Where `number` slices of the same size end, but for the last one."""
    return [place / number for place in range(1, number)]


def _page_slices(
    pool: Pool, entity: Entity, settings: Settings, shares: Sequence[float], *, settled: bool, load: str | None = None
) -> list[Slice]:
    """The inbox, or what came with `load`, by ranges of pages, cut where about these shares of the rows are before."""
    inbox = Names(settings.sync_schema).inbox(entity.name)
    with transaction(pool, f"dividing the inbox of {entity.name}") as connection:
        statement = sql.SQL(_CUTS).format(
            inbox=inbox,
            of_load=_of_load("i", load),
            sampled=sql.Literal(_SAMPLED),
            name=sql.Literal(inbox.as_string(connection)),
        )
        (rows,) = connection.execute(statement, {"shares": list(shares)}).fetchone() or (None,)
    cuts = sorted({int(row.strip("(").partition(",")[0]) for row in rows or ()} - {0})
    return [PageSlice(first, end, load, settled=settled) for first, end in zip([0, *cuts], [*cuts, None], strict=True)]

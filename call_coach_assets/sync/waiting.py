"""Rows that wait in the inbox for a parent: nothing records them but the inbox itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from call_coach_assets.sync.entity import Entity, Reference
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection
from call_coach_assets.sync.publication import Publication, equal, key_text, parent_rows

_CREATE = "CREATE TEMPORARY TABLE {parked} (_tid tid, _key text, reason text) ON COMMIT DROP"
_PARK = """
INSERT INTO {parked}
SELECT s._tid, s._key, 'waits for ' || s._waits_for FROM {staged} s WHERE s._verdict = 'wait'
"""
_PARK_REFUSED = """
INSERT INTO {parked}
SELECT n._tid, n._key, f.reason FROM {refused} f JOIN {newest} n ON n._n = f._n WHERE f.waits
"""
_CONSUME = """
DELETE FROM {inbox} i
USING (
    SELECT i.ctid AS tid FROM {inbox} i LEFT JOIN {parked} w ON w._tid = i.ctid WHERE w._tid IS NULL AND {holds}
) gone
WHERE i.ctid = gone.tid
"""
_CONSUME_ALL = "DELETE FROM {inbox} i WHERE {holds}"
_SIZE = "SELECT pg_relation_size(to_regclass({name}))"
_LOCK = "LOCK TABLE {inbox} IN ACCESS EXCLUSIVE MODE NOWAIT"
_MUCH = 8 * 2**20  # bytes of the inbox from which on it costs less to give its file back than to delete its rows
_FEW = 1000  # rows that wait: written once more, they stay far below that
_SET_ASIDE = """
CREATE TEMPORARY TABLE {aside} ON COMMIT DROP AS
SELECT i.* FROM {inbox} i WHERE i.ctid = ANY (ARRAY (SELECT w._tid FROM {parked} w))
"""
_LIST = """
SELECT {key}, {parents}, to_timestamp(i._dlt_load_id::double precision)
FROM {inbox} i ORDER BY i._dlt_load_id, 1 LIMIT %s
"""


@dataclass(frozen=True)
class WaitingRow:
    """A row that is landed and not published: its key, the parents that are missing, and since when it is here.

    `waits_for` is empty where they have come since: the next sync tries it.
    """

    key: str
    waits_for: str
    since: datetime


def consume(work: Publication) -> int:
    """Delete from the inbox all but the newest version of the rows that wait; return how many rows wait."""
    work.execute(_CREATE)
    waiting = work.execute(_PARK_REFUSED).rowcount
    if "wait" in work.tallies:
        waiting += work.execute(_PARK).rowcount
    if waiting > _FEW or not give_back(work, waiting):
        work.execute(_CONSUME if waiting else _CONSUME_ALL, holds=work.holds("i"))
    return waiting


def give_back(work: Publication, waiting: int = 0) -> bool:
    """Empty a large inbox at once, with what was deleted in it before, and put back what waits.

    False where it is small, somebody reads it, or only a part of it is looked at: the rest is not published yet.
    Nobody is waited for: a backup may hold its lock for hours.
    """
    if work.part:
        return False
    name = work.names.inbox(work.entity.name).as_string(work.connection)
    if work.value(_SIZE, name=sql.Literal(name)) < _MUCH:
        return False
    try:
        with work.connection.transaction():
            work.execute(_LOCK)
            if waiting:
                work.execute(_SET_ASIDE)
            work.execute("TRUNCATE {inbox}")
            if waiting:
                work.execute("INSERT INTO {inbox} SELECT * FROM {aside}")
    except (psycopg.errors.LockNotAvailable, psycopg.errors.InsufficientPrivilege):
        return False
    return True


def list_waiting(
    connection: Connection, entity: Entity, entities: Mapping[str, Entity], schema: str, *, limit: int = 100
) -> list[WaitingRow]:
    """The rows in an entity's inbox, the longest waiting first; none where nothing was ever landed."""
    names = Names(schema)
    inbox = names.inbox(entity.name)
    found = connection.execute("SELECT to_regclass(%s)", [inbox.as_string(connection)]).fetchone()
    if not found or found[0] is None:
        return []
    missing = [_missing(reference, entities, names) for reference in entity.references if reference.required]
    statement = sql.SQL(_LIST).format(
        inbox=inbox,
        key=sql.SQL("concat_ws('/', {})").format(
            sql.SQL(", ").join(sql.SQL("coalesce({}::text, '?')").format(sql.Identifier("i", k)) for k in entity.key)
        ),
        parents=sql.SQL("concat_ws(', ', {})").format(sql.SQL(", ").join([*missing, sql.SQL("NULL")])),
    )
    return [WaitingRow(*row) for row in connection.execute(statement, [limit])]


def _missing(reference: Reference, entities: Mapping[str, Entity], names: Names) -> sql.Composed:
    """The parent as text for people, NULL where it is there."""
    parent = entities[reference.entity]
    return sql.SQL("CASE WHEN NOT EXISTS (SELECT FROM {rows} p WHERE {same}) THEN {entity} || {key} END").format(
        rows=parent_rows(parent, names),
        same=equal("p", "i", zip(parent.key, reference.by, strict=True)),
        entity=sql.Literal(f"{reference.entity} "),
        key=key_text("i", reference.by),
    )

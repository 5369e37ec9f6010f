"""One sync of an entity at a time, on whatever machine: an advisory lock that dies with its holder's connection."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql

from call_coach_assets.errors import EntityLockedError
from call_coach_assets.settings import Settings
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection, connect, translating

_TAKE = "SELECT pg_try_advisory_lock(hashtextextended(%(schema)s || '/' || %(entity)s, 0))"
_NOTE = """
INSERT INTO {locks} (entity, run_id, host, pid, backend_pid, since)
VALUES (%(entity)s, %(run_id)s, %(host)s, %(pid)s, pg_backend_pid(), now())
ON CONFLICT (entity) DO UPDATE SET
    run_id = excluded.run_id, host = excluded.host, pid = excluded.pid,
    backend_pid = excluded.backend_pid, since = excluded.since
"""
_HOLDER = """
SELECT n.run_id, n.host, n.pid, n.since
FROM {locks} n JOIN pg_locks l ON l.pid = n.backend_pid
WHERE n.entity = %(entity)s AND l.locktype = 'advisory' AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32) | l.objid::bigint = hashtextextended(%(schema)s || '/' || %(entity)s, 0)
"""


@contextmanager
def entity_lock(settings: Settings, entity: str, run_id: str, *, note: bool = True) -> Iterator[None]:
    """Hold the lock of `entity` for the length of a `with`, on a connection of its own.

    The sync's tables must be there (`bookkeeping.ensure`). Raises EntityLockedError, which names the holder, at once
    where another sync has the lock; a holder that died, by whatever means, has lost it. Without `note` nothing is
    written, and whoever comes second is not told who holds it.
    """
    parameters = {
        "schema": settings.sync_schema,
        "entity": entity,
        "run_id": run_id,
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    connection = connect(settings, autocommit=True, name=f"call-coach {entity} {run_id}")
    try:
        with translating(f"locking {entity}"):
            _take(connection, Names(settings.sync_schema), entity, parameters)
            if note:
                connection.execute(sql.SQL(_NOTE).format(**Names(settings.sync_schema).parts()), parameters)
        yield
    finally:
        _give_back(connection)


def _take(connection: Connection, names: Names, entity: str, parameters: dict[str, object]) -> None:
    row = connection.execute(_TAKE, parameters).fetchone()
    if row is None or not row[0]:
        raise EntityLockedError(
            f"Another sync of {entity} is running",
            why=_holder(connection, names, parameters),
            remedy="wait for it to end, or end that process; its lock goes with it",
        )


def _give_back(connection: Connection) -> None:
    """Release the lock before the connection ends: a server notices a closed connection only a moment later."""
    with suppress(psycopg.Error):
        connection.execute("SELECT pg_advisory_unlock_all()")
    connection.close()


def _holder(connection: Connection, names: Names, parameters: dict[str, object]) -> str:
    try:
        row = connection.execute(sql.SQL(_HOLDER).format(**names.parts()), parameters).fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    if row is None:
        return "its holder has not said yet who it is"
    run_id, host, pid, since = row
    return f"run {run_id}, process {pid} on {host}, since {since:%Y-%m-%d %H:%M:%S} UTC"

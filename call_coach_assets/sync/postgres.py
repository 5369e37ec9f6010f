"""Connections to the application's Postgres: pooled, in UTC, and with errors that say what to do."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from call_coach_assets.errors import (
    CallCoachError,
    TargetAccessError,
    TargetError,
    TargetMissingError,
    TargetRefusedError,
    TargetUnavailableError,
)
from call_coach_assets.redaction import redact
from call_coach_assets.settings import Settings

Connection = psycopg.Connection[tuple[Any, ...]]
Pool = ConnectionPool[Connection]

POOL_SIZE = 4
POOL_WAIT_SECONDS = 15.0
LOCK_WAIT = "60s"
_CONNECTION: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "prepare_threshold": None,  # temporary tables change under a statement's name from one publish to the next
    "options": "-c timezone=UTC -c temp_buffers=64MB",
}
_pools: dict[tuple[int, str], Pool] = {}
_guard = Lock()

_ACCESS_WORDS = ("authentication failed", "no pg_hba.conf entry", "permission denied", "no password supplied", "role ")
_REMEDIES: dict[type[TargetError], str] = {
    TargetAccessError: "check the user, the password and the grants of DATABASE_URL (`call-coach doctor` tells which)",
    TargetMissingError: "run the application's migrations, or point DATABASE_URL at its database (`call-coach doctor`)",
    TargetRefusedError: "compare the application's tables with what the sync expects (`call-coach doctor`)",
    TargetUnavailableError: "check that the server of DATABASE_URL is up; the next run goes on from the checkpoint",
}
_SESSION = "SELECT set_config('lock_timeout', %s, true), set_config('timezone', 'UTC', true)"
_CLASSES: dict[str, type[TargetError]] = {
    "08": TargetUnavailableError,
    "40": TargetUnavailableError,
    "53": TargetUnavailableError,
    "57": TargetUnavailableError,
    "58": TargetUnavailableError,
    "25P03": TargetUnavailableError,
    "55P03": TargetUnavailableError,
    "28": TargetAccessError,
    "42501": TargetAccessError,
    "3D": TargetMissingError,
    "3F": TargetMissingError,
    "42P01": TargetMissingError,
    "42703": TargetMissingError,
    "42883": TargetMissingError,
}


def connect(settings: Settings, *, autocommit: bool = False, name: str = "call-coach") -> Connection:
    """Open a connection of one's own, which the caller closes. Raises the TargetError family."""
    with translating("connecting to Postgres"):
        return psycopg.connect(
            settings.database_url, autocommit=autocommit, **{**_CONNECTION, "application_name": name[:63]}
        )


def pool_for(settings: Settings) -> Pool:
    """The pool of this process for the settings' database, opened on first use and closed when the process ends.

    It holds at most POOL_SIZE connections and none while idle for long; a broken one is replaced when it is asked
    for. Raises the TargetError family where the first connection fails.
    """
    key = (os.getpid(), settings.database_url)
    with _guard:
        if key not in _pools:
            connect(settings).close()
            _pools[key] = _open(settings.database_url)
        return _pools[key]


def close_pools() -> None:
    """Close every pool of this process; a later `pool_for` opens a new one."""
    with _guard:
        for key in [key for key in _pools if key[0] == os.getpid()]:
            _pools.pop(key).close()


atexit.register(close_pools)


def _open(url: str) -> Pool:
    return ConnectionPool(
        url,
        min_size=0,
        max_size=POOL_SIZE,
        max_idle=60,
        timeout=POOL_WAIT_SECONDS,
        check=ConnectionPool.check_connection,
        kwargs={**_CONNECTION, "application_name": "call-coach"},
        open=True,
    )


@contextmanager
def transaction(database: Pool | Connection, what: str) -> Iterator[Connection]:
    """Open a transaction on a connection, or on one of a pool; psycopg's errors come out as TargetError.

    `what` names the work for the message. Waiting for another's lock ends after LOCK_WAIT.
    """
    with translating(what):
        if isinstance(database, ConnectionPool):
            with database.connection() as connection, transaction(connection, what):
                yield connection
            return
        with database.transaction():
            database.execute(_SESSION, [LOCK_WAIT])
            yield database


@contextmanager
def translating(what: str) -> Iterator[None]:
    """Let psycopg's errors out as the TargetError that they mean."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error, what) from error


def translate(error: psycopg.Error, what: str = "Postgres") -> TargetError:
    """The TargetError that one of psycopg's errors means; `what` is what was being done."""
    kind = _kind(error)
    primary = error.diag.message_primary
    detail = f" ({error.diag.message_detail})" if primary and error.diag.message_detail else ""
    why = f"{primary}{detail}" if primary else _first_line(error)
    return kind(f"{what} failed", why=f"{why} [{error.sqlstate}]" if error.sqlstate else why, remedy=_REMEDIES[kind])


def _kind(error: psycopg.Error) -> type[TargetError]:
    if error.sqlstate is None:
        return _kind_without_state(error)
    for length in (5, 2):
        if error.sqlstate[:length] in _CLASSES:
            return _CLASSES[error.sqlstate[:length]]
    return TargetRefusedError


def _kind_without_state(error: psycopg.Error) -> type[TargetError]:
    """libpq gives no code for a connection that does not come about: its text says why."""
    text = str(error)
    if isinstance(error, PoolTimeout) or not isinstance(error, psycopg.OperationalError):
        return TargetUnavailableError if isinstance(error, psycopg.OperationalError) else TargetRefusedError
    if "database" in text and "does not exist" in text:
        return TargetMissingError
    return TargetAccessError if any(word in text for word in _ACCESS_WORDS) else TargetUnavailableError


def _first_line(error: psycopg.Error) -> str:
    """What libpq says first, with the server's detail, such as which privilege is missing."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    details = [line.partition("DETAIL:")[2].strip() for line in lines if line.startswith("DETAIL:")]
    return " ".join([lines[0], *(f"({detail})" for detail in details)])


def redacted(error: CallCoachError, settings: Settings) -> str:
    """The error's text without any secret of the settings, for a table or a log."""
    return redact(str(error), settings.secrets)

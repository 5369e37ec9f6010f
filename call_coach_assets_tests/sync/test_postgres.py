"""Connections, locks and the sync's own tables, against a real server."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import errors

from call_coach_assets.errors import (
    EntityLockedError,
    TargetAccessError,
    TargetError,
    TargetMissingError,
    TargetRefusedError,
    TargetUnavailableError,
)
from call_coach_assets.settings import Settings, read_settings
from call_coach_assets.sync.bookkeeping import ensure, read_refetch, request_refetch
from call_coach_assets.sync.locks import entity_lock
from call_coach_assets.sync.postgres import close_pools, connect, pool_for, redacted, transaction, translate
from call_coach_assets_tests.sync.inbox import ENTITIES

SCHEMA = "call_coach_sync"


def settings_for(url: str) -> Settings:
    return read_settings(_env_file=None, DATABASE_URL=url)


def elsewhere(url: str, **parts: str) -> str:
    return urlunsplit(urlsplit(url)._replace(**parts))


@pytest.mark.covers("P25")
def test_a_pool_is_reused_replaces_broken_connections_and_speaks_utc(database: str) -> None:
    settings = settings_for(database)
    pool = pool_for(settings)
    assert pool_for(settings) is pool
    with transaction(pool, "looking") as connection:
        assert connection.execute("SELECT current_setting('timezone')").fetchone() == ("UTC",)
        backend = connection.info.backend_pid
    with psycopg.connect(database, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
    with transaction(pool, "looking again") as connection:
        assert connection.info.backend_pid != backend
    close_pools()
    assert pool_for(settings) is not pool
    close_pools()


@pytest.mark.covers("P2", "P26")
@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ({"path": "/nowhere"}, TargetMissingError),
        ({"netloc": "postgres:x@127.0.0.1:1"}, TargetUnavailableError),
        ({"netloc": "nobody_here:secret-word@"}, TargetAccessError),
    ],
)
def test_a_connection_that_does_not_come_about_says_which_part_is_wrong(
    database: str, parts: dict[str, str], kind: type[TargetError]
) -> None:
    if parts.get("netloc", "").endswith("@"):
        parts = {"netloc": parts["netloc"] + urlsplit(database).netloc.rpartition("@")[2]}
    with pytest.raises(kind, match="connecting to Postgres failed") as caught:
        pool_for(settings_for(elsewhere(database, **parts)))
    assert "secret-word" not in str(caught.value)
    assert "DATABASE_URL" in str(caught.value)


@pytest.mark.covers("P26")
def test_errors_of_postgres_are_told_apart(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for statement, kind in {
            "SELECT * FROM nowhere": TargetMissingError,
            "SELECT nothing FROM calls": TargetMissingError,
            "SELECT 1 / 0": TargetRefusedError,
            "SELECT set_config('role', 'pg_monitor', false)": None,
            "DELETE FROM calls": TargetAccessError,
        }.items():
            if kind is None:
                connection.execute(statement.encode())
                continue
            with pytest.raises(kind, match="trying failed"), transaction(connection, "trying"):
                connection.execute(statement.encode())
    for transient in (
        errors.DeadlockDetected,
        errors.TooManyConnections,
        errors.AdminShutdown,
        errors.LockNotAvailable,
    ):
        assert translate(transient("x")).transient
    settings = settings_for("postgresql://me:hush-hush@nowhere/db")
    assert redacted(TargetError("said hush-hush"), settings) == "said •••"


def test_the_sync_s_tables_are_made_once_by_many_at_a_time_and_again_where_one_is_lost(database: str) -> None:
    def prepare(_: int) -> None:
        with psycopg.connect(database) as connection:
            ensure(connection, ENTITIES, SCHEMA)

    with ThreadPoolExecutor(6) as executor:
        list(executor.map(prepare, range(6)))
    with psycopg.connect(database, autocommit=True) as connection:
        request_refetch(connection, "calls", "gong_call_id", ["2", "1", "2"], SCHEMA)
        connection.execute(f"DROP TABLE {SCHEMA}.speakers_rows".encode())
        ensure(connection, ENTITIES, SCHEMA)
        assert [wanted.key for wanted in read_refetch(connection, "calls", SCHEMA)] == ["1", "2"]
        assert connection.execute("SELECT to_regclass('call_coach_sync.speakers_rows') IS NULL").fetchone() == (False,)
        before = connection.execute("SELECT count(*) FROM pg_class").fetchone()
        ensure(connection, ENTITIES, SCHEMA)
        assert connection.execute("SELECT count(*) FROM pg_class").fetchone() == before


@pytest.mark.covers("P22")
def test_one_sync_of_an_entity_at_a_time_and_a_dead_holder_s_lock_is_gone(database: str) -> None:
    settings = settings_for(database)
    with connect(settings) as connection:
        ensure(connection, ENTITIES, SCHEMA)
    with entity_lock(settings, "calls", "first"), entity_lock(settings, "emails", "first"):
        with pytest.raises(EntityLockedError) as caught, entity_lock(settings, "calls", "second"):
            pass
        for said in ("run first", f"process {os.getpid()}", socket.gethostname(), "since 20"):
            assert said in str(caught.value)
        with psycopg.connect(database, autocommit=True) as other:
            holder = other.execute(f"SELECT backend_pid FROM {SCHEMA}.locks WHERE entity = 'calls'".encode()).fetchone()
            assert holder is not None
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [holder[0]])
        with entity_lock(settings, "calls", "third"):
            pass

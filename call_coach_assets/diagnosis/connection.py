"""One short-lived connection to Postgres for looking around: it answers within seconds, or says why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg

from call_coach_assets.sync.postgres import Connection, translating

CONNECT_SECONDS = 5
STATEMENT_MILLISECONDS = 30_000


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Connect to `url`, for the length of a `with`; psycopg's errors come out as those of the TargetError family."""
    with (
        translating("looking at Postgres"),
        psycopg.connect(url, connect_timeout=CONNECT_SECONDS, application_name="call-coach") as connection,
    ):
        connection.execute(
            "SELECT set_config('statement_timeout', %s, false), set_config('timezone', 'UTC', false)",
            [str(STATEMENT_MILLISECONDS)],
        )
        yield connection


def column_of(
    connection: Connection, statement: LiteralString, parameters: Mapping[str, Any] | None = None
) -> list[Any]:
    """The first column of what a statement yields."""
    return [row[0] for row in connection.execute(statement, parameters)]


def role_name(connection: Connection) -> str:
    """The role of this connection, quoted as a statement needs it."""
    return str(column_of(connection, "SELECT quote_ident(current_user)")[0])

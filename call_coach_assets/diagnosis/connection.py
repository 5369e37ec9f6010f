"""One short-lived connection to Postgres for looking around: it answers within seconds, or says why not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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

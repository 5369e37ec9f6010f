"""One ADBC database for all files that dlt loads.

dlt opens one for each file, and to open one the driver reads every type that Postgres has: 60 ms of CPU. A connection
to a database that is open takes a hundredth of that.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection
    from dlt.common.destination.client import LoadJob
    from dlt.common.destination.typing import PreparedTableSchema
    from dlt.destinations.impl.postgres.postgres import PostgresClient


class SharedDatabase:
    """A database that is opened with its first connection and stays open; between two connections it holds none."""

    def __init__(self) -> None:
        self._guard = Lock()  # the driver counts the connections of a database, and not for several threads
        self._first: Connection | None = None

    @contextmanager
    def connection(self, connect: Callable[[], Connection]) -> Iterator[Connection]:
        """A new connection for the length of a `with`; `connect` is how the first one is made.

        Raises what the driver raises.
        """
        with self._guard:
            if self._first is None:
                self._first = self._open(connect)
            lent = self._first.adbc_clone()
        try:
            yield lent
        finally:
            with self._guard:
                lent.close()

    def _open(self, connect: Callable[[], Connection]) -> Connection:
        first = connect()
        first.adbc_connection.close()  # what is kept is its database
        atexit.register(first.close)
        return first


def sharing_client(database: SharedDatabase) -> type[PostgresClient]:
    """dlt's client of Postgres, whose jobs share `database`."""
    from dlt.destinations.impl.postgres.postgres import PostgresClient, PostgresParquetCopyJob

    class Copy(PostgresParquetCopyJob):
        """Loads a file over a connection of the shared database."""

        def _connect(self) -> Any:
            return database.connection(super()._connect)

    class Client(PostgresClient):
        """Gives out such jobs."""

        def create_load_job(
            self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
        ) -> LoadJob:
            job = super().create_load_job(table, file_path, load_id, restore)
            return Copy(file_path) if isinstance(job, PostgresParquetCopyJob) else job

    return Client

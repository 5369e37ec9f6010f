"""What was told and is not delivered yet, on disk and in order: one SQLite file that all processes here share.

An emission is spooled once, by its id, whoever spools it first; it waits until Prefect has it. The file is bounded:
beyond LIMIT waiting emissions log lines are left out (the JSON-lines file has them), and what is done is forgotten
after a month.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from call_coach_assets.reporting.prefect.objects import Emission

LIMIT = 20_000
KEPT_SECONDS = 30 * 86_400
LONGEST_PAUSE = 300.0
BUSY_SECONDS = 0.5  # a sync ends at most a second later for the sake of metadata
_SCHEMA = Path(__file__).with_name("spool.sql")


@dataclass(frozen=True)
class Backlog:
    """What waits for Prefect. `oldest` is epoch seconds; `last_error` says why the last delivery stopped."""

    waiting: int
    refused: int
    dropped: int
    oldest: float | None
    last_error: str | None


class Spool:
    """The file `spool.sqlite` in `folder`, which is created. Raises sqlite3.Error or OSError where the disk refuses."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            folder / "spool.sqlite", timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA.read_text(encoding="utf-8"))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def add(
        self, emissions: Iterable[Emission], *, deliver: bool, record: Callable[[list[Emission]], None] | None = None
    ) -> list[Emission]:
        """Spool what was not spooled before, hand it to `record`, and return it; all or nothing.

        Without `deliver` nothing will wait for a server.
        """
        new = []
        with self._transaction() as connection:
            waiting = self._count("waiting")
            for emission in emissions:
                full = waiting >= LIMIT and emission.kind == "log"
                status = "sent" if not deliver else "dropped" if full else "waiting"
                if self._insert(connection, emission, status):
                    new.append(emission)
                    waiting += status == "waiting"
            if record is not None:
                record(new)
        return new

    @staticmethod
    def _insert(connection: sqlite3.Connection, emission: Emission, status: str) -> bool:
        body = json.dumps(emission.body, default=str) if status == "waiting" else None
        cursor = connection.execute(
            "INSERT INTO emissions (id, run_id, kind, at, body, status, spooled) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO NOTHING",
            (emission.id, emission.run_id, emission.kind, emission.at.isoformat(), body, status, time.time()),
        )
        return cursor.rowcount == 1

    def waiting(self, limit: int) -> list[Emission]:
        """The oldest emissions that wait, at most `limit`, in order."""
        with self._lock:
            query = "SELECT id, kind, run_id, at, body FROM emissions WHERE status = 'waiting' ORDER BY seq LIMIT ?"
            rows = self._connection.execute(query, (limit,)).fetchall()
        return [Emission(i, kind, run, datetime.fromisoformat(at), json.loads(body)) for i, kind, run, at, body in rows]

    def settle(self, ids: Sequence[str], status: str, reason: str | None = None) -> None:
        """Note that emissions are `sent`, or `refused` for a reason; they wait no longer."""
        with self._transaction() as connection:
            change = "UPDATE emissions SET status = ?, reason = ?, body = NULL WHERE id = ?"
            connection.executemany(change, [(status, reason, identity) for identity in ids])

    def forget(self) -> None:
        """Forget what was done a month ago."""
        limit = time.time() - KEPT_SECONDS
        with self._transaction() as connection:
            connection.execute("DELETE FROM emissions WHERE status <> 'waiting' AND spooled < ?", (limit,))
            connection.execute("DELETE FROM runs WHERE seen < ?", (limit,))

    def given_id(self, server: str, derived: str) -> str | None:
        """The id that `server` gave to an object, None where it has none yet."""
        with self._lock:
            row = self._connection.execute(
                "SELECT given FROM ids WHERE server = ? AND derived = ?", (server, derived)
            ).fetchone()
        return row[0] if row else None

    def remember_id(self, server: str, derived: str, given: str) -> None:
        """Keep the id that `server` gave to an object."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO ids VALUES (?, ?, ?)", (server, derived, given))

    def fact(self, name: str) -> str | None:
        """A remembered fact, None where there is none."""
        with self._lock:
            row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def remember(self, name: str, value: str) -> None:
        """Remember a fact."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def failed(self, reason: str) -> None:
        """Note that the server could not be used; every process waits before it tries again, longer each time."""
        failures = int(self.fact("failures") or 0) + 1
        pause = min(LONGEST_PAUSE, 2.0**failures)
        self.remember("failures", str(failures))
        self.remember("next_attempt", str(time.time() + pause))
        self.remember("last_error", reason)

    def succeeded(self) -> None:
        """Note that the server answers."""
        if self.fact("failures") not in {None, "0"}:
            self.remember("failures", "0")
            self.remember("next_attempt", "0")
            self.remember("last_error", "")

    @property
    def pausing(self) -> bool:
        """Whether the server failed so recently that it is left alone."""
        return time.time() < float(self.fact("next_attempt") or 0)

    def backlog(self) -> Backlog:
        """How much waits, was refused and was left out, and why."""
        with self._lock:
            query = "SELECT min(spooled) FROM emissions WHERE status = 'waiting'"
            oldest = self._connection.execute(query).fetchone()[0]
            waiting, refused, dropped = (self._count(status) for status in ("waiting", "refused", "dropped"))
        return Backlog(waiting, refused, dropped, oldest, self.fact("last_error") or None)

    def _count(self, status: str) -> int:
        query = "SELECT count(*) FROM emissions WHERE status = ?"
        return int(self._connection.execute(query, (status,)).fetchone()[0])

    @property
    def database(self) -> tuple[sqlite3.Connection, threading.RLock]:
        """The open file and its lock, for the runs that are followed."""
        return self._connection, self._lock

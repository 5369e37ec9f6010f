"""The runs that are followed until their last word, and those whose process died without one."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from call_coach_assets.reporting.prefect.spool import Spool


class FollowedRuns:
    """The part of the spool's file that says which runs are being told."""

    def __init__(self, spool: Spool) -> None:
        self._connection, self._lock = spool.database

    def follow(self, run_id: str) -> bool:
        """Follow a run; False where it was followed to its end already."""
        with self._lock:
            self._connection.execute(
                "INSERT INTO runs (run_id, seen) VALUES (?, ?) ON CONFLICT (run_id) DO NOTHING", (run_id, time.time())
            )
            ended = self._connection.execute("SELECT ended FROM runs WHERE run_id = ?", (run_id,)).fetchone()[0]
        return not ended

    def end(self, run_id: str) -> None:
        """Follow a run no longer."""
        with self._lock:
            self._connection.execute("UPDATE runs SET ended = 1 WHERE run_id = ?", (run_id,))

    def unfinished(self) -> list[str]:
        """The runs that are followed, in the order in which they were first seen."""
        with self._lock:
            rows = self._connection.execute("SELECT run_id FROM runs WHERE NOT ended ORDER BY rowid").fetchall()
        return [run_id for (run_id,) in rows]


def is_gone(process: str) -> bool:
    """Whether `process`, as host:pid, was one of this machine and is no more; a zombie is no more."""
    host, _, pid = process.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except ProcessLookupError:
        return True
    except OSError:
        return False  # it is another user's, or this system has no /proc
    return stat.rpartition(")")[2].split()[0] == "Z"

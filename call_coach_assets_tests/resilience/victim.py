"""A sync in a process of its own, to be killed: forked from this one, so that it costs no imports."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable

import psycopg

from call_coach_assets.settings import Settings
from call_coach_assets_tests.oracle.judge import sync_all

_PATIENCE = 20.0


class Victim:
    """A sync of `entity` in a child; `kill` ends it at once, as kill -9 does."""

    def __init__(self, settings: Settings, entity: str) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(_run(lambda: sync_all(settings, run_id="victim", order=[entity])))

    def kill(self) -> None:
        """End it, wherever it is."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> str:
        """Wait for its end: "killed", "finished" or "failed"."""
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            return "killed"
        return "finished" if os.WEXITSTATUS(status) == 0 else "failed"


def _run(action: Callable[[], object]) -> int:
    try:
        action()
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def wait_for_quiet(database: str) -> None:
    """Wait until the server has noticed that everybody else left `database`, and let go of their locks."""
    deadline = time.monotonic() + _PATIENCE
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(database, autocommit=True) as connection:
        while connection.execute(statement).fetchone() != (0,):
            if time.monotonic() > deadline:
                raise TimeoutError(f"connections to {database} stay open")
            time.sleep(0.01)

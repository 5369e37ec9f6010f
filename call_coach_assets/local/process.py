"""Processes that outlive the command which started them: is one of ours still there, and how to end it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress

_END_SECONDS = 10.0


def is_running(pid: int, mark: str) -> bool:
    """Whether process `pid` lives and has `mark` in its command line: a process that took over its id has not."""
    shown = subprocess.run(
        ["ps", "-ww", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return mark in shown and not shown.startswith("Z")


def end(pid: int, mark: str) -> None:
    """Ask process `pid` to end, and kill it where it has not done so after 10 s."""
    deadline = time.monotonic() + _END_SECONDS
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        while is_running(pid, mark):
            _reap(pid)
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
    _reap(pid)


def _reap(pid: int) -> None:
    """Take the status of a child of this very process, which would otherwise stay as a zombie."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)

"""What a piece of work costs: wall time, and the CPU of the client, of Postgres and of the BigQuery emulator."""

from __future__ import annotations

import ctypes
import os
import resource
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_GROUP_SECONDS = 5.0
_TICKS = os.sysconf("SC_CLK_TCK")
Facts = Mapping[str, float]


@dataclass(frozen=True)
class Task:
    """Work that is ready to start: `pid` is the process that does it, None for this one and its children."""

    run: Callable[[], Facts]
    pid: int | None = None


@dataclass(frozen=True)
class Cost:
    """Seconds of one piece of work; `facts` are what it says of itself, such as `peak_mb` and `read`."""

    wall: float
    client: float
    server: float
    source: float
    facts: Facts = field(default_factory=dict)

    @property
    def cpu(self) -> float:
        """CPU seconds of the client and of Postgres together."""
        return self.client + self.server


def measure(task: Task, postgres: int, emulator: int) -> Cost:
    """Do the task; `postgres` and `emulator` are the process ids of the two servers."""
    before = _clocks(task, postgres, emulator)
    facts = task.run()
    wall, client, server, source = (
        now - then for now, then in zip(_clocks(task, postgres, emulator), before, strict=True)
    )
    return Cost(wall, client, server, source, facts)


def _clocks(task: Task, postgres: int, emulator: int) -> tuple[float, float, float, float]:
    client = own_cpu() if task.pid is None else cpu_of(task.pid)
    return time.perf_counter(), client, cpu_of(postgres), cpu_of(emulator)


def own_cpu() -> float:
    """CPU seconds of this process and of the children that it has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that what it has spent can be counted."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "this process cannot adopt orphans")


def wait_for_group(group: int) -> None:
    """Wait, for at most 5 s, until the adopted processes of a group have ended: they count once they are waited for."""
    deadline = time.monotonic() + _GROUP_SECONDS
    with suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if os.waitpid(-group, os.WNOHANG) == (0, 0):
                time.sleep(0.005)


def cpu_of(pid: int) -> float:
    """CPU seconds of a process, its living children, and the dead ones that it has waited for; to a hundredth."""
    while True:
        children = _children(pid)
        spent = sum(_spent(child) for child in [pid, *children])
        if _children(pid) == children:
            return spent / _TICKS


def peak_mb() -> float:
    """The most memory that this process ever had at once, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _spent(pid: int) -> int:
    """utime, stime, cutime and cstime, in ticks; 0 for a process that is gone: its parent has them by then."""
    with suppress(FileNotFoundError, ProcessLookupError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(ticks) for ticks in fields[11:15])
    return 0

"""Starting a job: in a process of its own, with everything imported and its input in memory, or in this one.

A job is a function `name(**parameters)` that opens what it needs and yields the work to be measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from call_coach_assets.settings import Settings
from call_coach_assets_bench.measure import Facts, Task, adopt_orphans, wait_for_group

Work = Callable[[], Facts]
Job = Callable[..., AbstractContextManager[Work]]
Launch = Callable[..., AbstractContextManager[Task]]

READY = "ready"
_OTHER_VARIABLES = {"DATABASE_URL", "DAGSTER_HOME", "DAGSTER_MODULE_NAME"}


class JobFailedError(Exception):
    """A contestant ended with an error; the message is what it wrote."""


@contextmanager
def in_this_process(job: Job, **parameters: object) -> Iterator[Task]:
    """Do a job here, to profile it or to save the start of a process."""
    with job(**parameters) as work:
        yield Task(work)


@contextmanager
def in_child(job: Job, **parameters: object) -> Iterator[Task]:
    """Do a job in a new process; it is ready when this returns. Raises JobFailedError where it is not."""
    command = [sys.executable, "-m", "call_coach_assets_bench.worker", f"{job.__module__}:{job.__qualname__}"]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [*command, json.dumps(parameters)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment(),
        )  # fmt: skip
        child = _Child(process, errors.fileno())
        try:
            child.expect(READY)
            yield Task(child.go, process.pid)
        finally:
            process.communicate()


@contextmanager
def command(arguments: Sequence[str], folder: Path, **variables: str) -> Iterator[Task]:
    """Run a command of this environment from start to end, in `folder`."""
    programs = Path(sys.executable).parent
    line = [str(programs / arguments[0]), *arguments[1:]]

    def work() -> Facts:
        process = subprocess.Popen(
            line, cwd=folder, env=environment() | variables, process_group=0,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            written, _ = process.communicate()
        finally:
            process.kill()
            wait_for_group(process.pid)
        if process.returncode:
            raise JobFailedError(f"{' '.join(arguments)}\n{written[-4000:]}")
        return {}

    adopt_orphans()
    yield Task(work)


def environment() -> dict[str, str]:
    """The environment without any setting of the project: a benchmark touches no real end."""
    own = {*_OTHER_VARIABLES, *(field.upper() for field in Settings.model_fields)}
    kept = {name: value for name, value in os.environ.items() if name not in own}
    return kept | {"RUNTIME__DLTHUB_TELEMETRY": "false", "NO_PROXY": "127.0.0.1,localhost"}


class _Child:
    """The other end of the worker's standard input and output."""

    def __init__(self, process: subprocess.Popen[str], errors: int) -> None:
        self._process = process
        self._errors = errors

    def expect(self, wanted: str | None = None) -> str:
        """The next line that the worker writes. Raises JobFailedError where it has ended, or wrote another one."""
        line = self._process.stdout.readline().strip() if self._process.stdout else ""
        if not line or (wanted and line != wanted):
            self._process.wait()
            os.lseek(self._errors, 0, os.SEEK_SET)
            raise JobFailedError(os.read(self._errors, 1 << 20).decode(errors="replace")[-4000:] or line)
        return line

    def go(self) -> Facts:
        """Have the work done; returns what the worker says of it."""
        if self._process.stdin:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        facts: Facts = json.loads(self.expect())
        return facts

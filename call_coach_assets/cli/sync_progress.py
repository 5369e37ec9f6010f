"""How a sync in progress looks: a line with a spinner for each entity on a terminal, log lines when piped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as ProgressBars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from call_coach_assets.cli.rendering import plural
from call_coach_assets.orchestration.run import Progress
from call_coach_assets.sync.result import SyncResult

logger = logging.getLogger(__name__)
Report = Callable[[Progress], None]
_MARKS = {"started": "…", "synced": "[green]✓[/]", "skipped": "[yellow]–[/]", "failed": "[bold red]✗[/]"}


@contextmanager
def progress_on(screen: Console) -> Iterator[Report]:
    """What to call at each step of a sync, for the length of a `with`; it writes to `screen` and to the log.

    Where nobody watches the screen and the log tells each step, the log is enough.
    """
    with _bars(screen) if screen.is_terminal else _lines(screen) as show:

        def report(progress: Progress) -> None:
            _log(progress)
            show(progress)

        yield report


@contextmanager
def _lines(screen: Console) -> Iterator[Report]:
    def show(progress: Progress) -> None:
        if not logger.isEnabledFor(logging.INFO):
            screen.print(f"{progress.entity}: {describe(progress)}", markup=False)

    yield show


@contextmanager
def _bars(screen: Console) -> Iterator[Report]:
    columns = SpinnerColumn(finished_text=" "), TextColumn("{task.description}"), TimeElapsedColumn()
    tasks: dict[str, TaskID] = {}
    with ProgressBars(*columns, console=screen) as bars:

        def show(progress: Progress) -> None:
            if progress.entity not in tasks:
                tasks[progress.entity] = bars.add_task(progress.entity, total=1)
            text = f"{_MARKS[progress.state]} {progress.entity}: {escape(describe(progress))}"
            bars.update(tasks[progress.entity], description=text, completed=progress.state != "started")

        yield show


def describe(progress: Progress) -> str:
    """What happened to the entity, in a few words on one line."""
    if progress.failure is not None:
        return f"failed: {progress.failure.what}"
    if progress.result is None:
        return progress.state
    return f"skipped: {progress.result.skipped}" if progress.result.skipped else _counts(progress.result)


def _counts(result: SyncResult) -> str:
    names = ("inserted", "updated", "unchanged", "deleted", "waiting", "dead_lettered")
    told = [f"{getattr(result, name):,} {name.replace('_', '-')}" for name in names if getattr(result, name)]
    read = "nothing new in BigQuery" if result.unchanged_since else f"{plural(result.read, 'row')} read"
    return ", ".join([read, *told]) + f" in {result.duration_seconds:.1f} s"


def _log(progress: Progress) -> None:
    fields: dict[str, object] = {"entity": progress.entity}
    if progress.failure is not None:
        logger.error("failed", extra=fields | {"kind": progress.failure.kind, "what": progress.failure.what})
        return
    if progress.result is not None and not progress.result.skipped:
        fields |= _logged(progress.result)
    logger.info(progress.state, extra=fields)


def _logged(result: SyncResult) -> dict[str, object]:
    return {
        "rows_read": result.read,
        "rows_synced": result.rows_synced,
        "errors_count": result.errors_count,
        "duration_seconds": round(result.duration_seconds, 3),
        "checkpoint_before": result.checkpoint_before,
        "checkpoint_after": result.checkpoint_after,
        "run_id": result.run_id,
    }

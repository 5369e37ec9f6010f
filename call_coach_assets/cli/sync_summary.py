"""What a sync came to: a table with a line for each entity, the totals, and every failure with its remedy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import click
from rich.console import Console

from call_coach_assets.cli.redaction import current_secrets, redact
from call_coach_assets.cli.rendering import plural, show_table
from call_coach_assets.orchestration.run import SyncOutcome
from call_coach_assets.sync.result import SyncResult

COUNTS = ("read", "inserted", "updated", "unchanged", "deleted", "waiting", "dead_lettered")
INTERRUPTION = "DagsterExecutionInterruptedError"
HEADINGS = ("entity", *(name.replace("_", " ") for name in COUNTS), "seconds", "status")


def show_summary(screen: Console, outcome: SyncOutcome, seconds: float) -> None:
    """Print the table, the warnings of each entity, and the totals; `seconds` is what the whole command took."""
    screen.print()
    show_table(screen, HEADINGS, (_row(outcome, name) for name in outcome.entities))
    for result in outcome.results.values():
        for warning in result.warnings:
            screen.print(f"{result.entity}: warning: {warning}", markup=False)
    screen.print(_totals(outcome, seconds), markup=False)


def show_failures(outcome: SyncOutcome) -> None:
    """Print to standard error why entities failed, once for all that failed alike, and which never ended."""
    for text in _failures(outcome):
        click.echo(redact(f"\nError: {text}", current_secrets()), err=True)


def interrupted(outcome: SyncOutcome) -> list[str]:
    """The entities that Ctrl-C, or a termination, caught at work."""
    return [name for name, failure in outcome.failures.items() if failure.kind == INTERRUPTION]


def _row(outcome: SyncOutcome, name: str) -> list[object]:
    result = outcome.results.get(name)
    if result is None:
        status = "failed" if name in outcome.failures and name not in interrupted(outcome) else "not finished"
        return [name, *(None for _ in COUNTS), None, status]
    if result.skipped:
        return [name, *(None for _ in COUNTS), None, "skipped"]
    return [name, *(getattr(result, count) for count in COUNTS), result.duration_seconds, result.status]


def _totals(outcome: SyncOutcome, seconds: float) -> str:
    results = list(outcome.results.values())
    return (
        f"Total: {plural(_sum(results, 'read'), 'row')} read, {plural(_sum(results, 'rows_synced'), 'row')} written, "
        f"{plural(_sum(results, 'errors_count') + _failed(outcome), 'error')}, {seconds:.1f} s (run {outcome.run_id})"
    )


def _sum(results: list[SyncResult], name: str) -> int:
    return sum(getattr(result, name) for result in results)


def _failed(outcome: SyncOutcome) -> int:
    return len(outcome.failures) + len(outcome.unfinished)


def _failures(outcome: SyncOutcome) -> Iterator[str]:
    alike: dict[str, list[str]] = defaultdict(list)
    unfinished = [*interrupted(outcome), *outcome.unfinished]
    for name, failure in outcome.failures.items():
        if name not in unfinished:
            alike[str(failure)].append(name)
    for text, names in alike.items():
        yield f"{', '.join(names)} failed. {text}"
    if unfinished:
        yield (
            f"{', '.join(unfinished)} did not finish.\nWhat to do: run `call-coach sync` again; it starts from"
            " the last checkpoint"
        )

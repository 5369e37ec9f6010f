"""`call-coach reconcile`: compare both ends by checksums, and repair exactly what differs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import uuid4

import click

if TYPE_CHECKING:
    from call_coach_assets.sync.reconciliations import Reconciliation

COUNTS = ("rows", "missing", "extra", "different_rows", "repaired", "deleted", "kept", "remaining")
HEADINGS = ("entity", *(name.replace("_", " ") for name in COUNTS), "MB billed", "seconds", "status")


@click.command("reconcile")
@click.argument("entities", nargs=-1, metavar="[ENTITY]...")
@click.option("--dry-run", is_flag=True, help="Only tell what differs: nothing is synced, repaired or written.")
@click.pass_context
def command(context: click.Context, entities: tuple[str, ...], dry_run: bool) -> None:
    """Compare keys and columns of both ends and repair what differs: all entities, or those named.

    Each entity is synced first. Ends with status 1 where something differs in the end, where more than a tenth of a
    table would have been deleted, or where an entity cannot be compared; the others are compared all the same.
    """
    from call_coach_assets.cli.rendering import console, show_table
    from call_coach_assets.diagnosis.preflight import require_both_ends
    from call_coach_assets.errors import CallCoachError
    from call_coach_assets.sync.declarations import load_entities
    from call_coach_assets.sync.reconcile import reconcile
    from call_coach_assets.sync.selection import chosen

    settings, declared = require_both_ends(), load_entities(check_queries=False)
    run_id, results, failed = f"reconcile-{uuid4()}", [], []
    for entity in chosen(declared.values(), entities):
        try:
            results.append(reconcile(entity, declared, settings, run_id, dry_run=dry_run))
        except CallCoachError as error:
            failed.append(f"{entity.name} failed. {error}")
    show_table(console(), HEADINGS, map(_row, results))
    failed += _tell(results)
    _say(failed)
    context.exit(1 if failed or any(result.remaining for result in results) else 0)


def _row(result: Reconciliation) -> list[object]:
    if result.skipped:
        return [result.entity, *(None for _ in COUNTS), None, None, "skipped"]
    figures = [getattr(result, name) for name in COUNTS]
    return [result.entity, *figures, result.bytes_billed / 1e6, result.seconds, result.status.value]


def _tell(results: Iterable[Reconciliation]) -> list[str]:
    """Print what differs by column, with some of the keys; return why deletions were refused."""
    from call_coach_assets.errors import ReconcileRefusedError

    refused = []
    for result in results:
        if result.different:
            by_column = ", ".join(f"{name} in {count:,}" for name, count in result.different.items())
            click.echo(f"{result.entity} differs by column: {by_column}")
        for example in result.examples:
            click.echo(f"{result.entity}: {example}")
        if result.skipped:
            click.echo(f"{result.entity} is skipped: {result.skipped}")
        try:
            result.raise_if_refused()
        except ReconcileRefusedError as error:
            refused.append(str(error))
    return refused


def _say(failed: Iterable[str]) -> None:
    from call_coach_assets.cli.redaction import current_secrets, redact

    for text in failed:
        click.echo(redact(f"Error: {text}", current_secrets()), err=True)

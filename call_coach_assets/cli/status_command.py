"""`call-coach status`: where each entity stands, at both ends."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from call_coach_assets.diagnosis.standing import Standing
    from call_coach_assets.settings import Settings

HEADINGS = (
    "entity", "status", "checkpoint (UTC)", "lag", "BigQuery rows", "Postgres rows", "waiting", "dead letters",
    "errors", "last run (UTC)",
)  # fmt: skip


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array: instants in UTC, the lag in seconds.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Show each entity's checkpoint, lag, rows at both ends, last run, errors, waiting rows and dead letters.

    Where BigQuery does not answer, the Postgres half is shown. Ends with status 1 unless both ends answered.
    """
    from call_coach_assets.settings import load_settings

    complete = show_standings(load_settings(), as_json=as_json)
    context.exit(0 if complete else 1)


def show_standings(settings: Settings, *, as_json: bool) -> bool:
    """Print where every entity stands; whether both ends answered for each. Raises the TargetError family."""
    from call_coach_assets.cli.rendering import console, show_table
    from call_coach_assets.diagnosis.standing import read_standings
    from call_coach_assets.sync.declarations import load_entities

    standings = read_standings(settings, load_entities())
    if as_json:
        click.echo(json.dumps([as_dict(standing) for standing in standings], indent=2))
    else:
        show_table(console(), HEADINGS, map(_row, standings))
    for text, names in _problems(standings).items():
        click.echo(f"Error: BigQuery says nothing of {', '.join(names)}: {text}", err=True)
    return not _problems(standings)


def as_dict(standing: Standing) -> dict[str, Any]:
    """The standing as JSON has it: instants as ISO 8601 in UTC, the lag in seconds."""
    target, source = standing.target.status, standing.source
    return {
        "entity": standing.entity,
        "status": target.status,
        "checkpoint": target.checkpoint and target.checkpoint.isoformat(),
        "lag_seconds": None if standing.lag is None else standing.lag.total_seconds(),
        "source_rows": source.rows,
        "source_rows_newer": source.newer,
        "source_newest": source.newest and source.newest.isoformat(),
        "target_rows": target.row_count,
        "waiting": target.waiting,
        "dead_letters": target.dead_letters,
        "errors_count": target.errors_count,
        "items_synced": target.items_synced,
        "last_run_at": target.updated_at and target.updated_at.isoformat(),
        "last_run_id": standing.target.run_id,
        "skipped": source.skipped,
        "source_problem": source.problem,
    }


def _row(standing: Standing) -> list[object]:
    target, source = standing.target.status, standing.source
    return [
        standing.entity, "skipped" if source.skipped else target.status, target.checkpoint, standing.lag, source.rows,
        target.row_count, target.waiting, target.dead_letters, target.errors_count, target.updated_at,
    ]  # fmt: skip


def _problems(standings: Iterable[Standing]) -> dict[str, list[str]]:
    alike: dict[str, list[str]] = defaultdict(list)
    for standing in standings:
        if standing.source.problem:
            alike[standing.source.problem].append(standing.entity)
    return alike

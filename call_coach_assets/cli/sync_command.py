"""`call-coach sync`: carry what changed, and say what came of it."""

from __future__ import annotations

from time import perf_counter

import click


@click.command("sync")
@click.argument("entities", nargs=-1, metavar="[ENTITY]...")
@click.option("--full-refresh", is_flag=True, help="Read everything again; nothing is deleted first, no id changes.")
@click.pass_context
def command(context: click.Context, entities: tuple[str, ...], full_refresh: bool) -> None:
    """Carry what changed since the last run from BigQuery into Postgres: all entities, or those named.

    The run shows in the Dagster UI like a scheduled one. Ends with status 1 where any entity fails; the others are
    synced all the same.
    """
    began = perf_counter()
    from call_coach_assets.cli.rendering import console
    from call_coach_assets.cli.sync_progress import progress_on
    from call_coach_assets.cli.sync_summary import interrupted, show_failures, show_summary
    from call_coach_assets.diagnosis.preflight import require_both_ends

    require_both_ends()
    from dagster._core.errors import DagsterExecutionInterruptedError

    from call_coach_assets.orchestration.run import run_sync

    screen = console()
    try:
        with progress_on(screen) as report:
            outcome = run_sync(entities, full_refresh=full_refresh, on_progress=report)
    except DagsterExecutionInterruptedError as stopped:
        raise KeyboardInterrupt from stopped
    show_summary(screen, outcome, perf_counter() - began)
    show_failures(outcome)
    if interrupted(outcome):
        raise KeyboardInterrupt
    context.exit(0 if outcome.success else 1)

"""`call-coach prefect`: what Prefect is told of the runs."""

from __future__ import annotations

import click


@click.group("prefect")
def command() -> None:
    """Show, deliver and register the run metadata that Prefect users see."""


@command.command("export")
@click.argument("run_id")
def export(run_id: str) -> None:
    """Print what Prefect is told of one Dagster run, as JSON lines; the first characters of its id are enough."""
    from call_coach_assets.cli.runs import instance_here, run_named
    from call_coach_assets.reporting.prefect.jsonl import line
    from call_coach_assets.reporting.prefect.sweep import told_so_far
    from call_coach_assets.settings import load_settings

    settings = load_settings()
    with instance_here() as instance:
        for emission in told_so_far(instance, run_named(instance, run_id), settings):
            click.echo(line(emission))


@command.command("push")
@click.pass_context
def push(context: click.Context) -> None:
    """Deliver all that waits for Prefect. Ends with status 1 where something waits still."""
    from call_coach_assets.cli.runs import instance_here
    from call_coach_assets.reporting.prefect.register import push as push_all
    from call_coach_assets.settings import load_settings

    settings = load_settings()
    with instance_here() as instance:
        pushed = push_all(instance, settings)
    click.echo(f"{pushed.delivered:,} delivered, {pushed.backlog.waiting:,} wait, {pushed.backlog.refused:,} refused")
    if pushed.stopped:
        click.echo(f"Stopped: {pushed.stopped}", err=True)
    context.exit(1 if pushed.stopped or pushed.backlog.waiting else 0)


@command.command("adopt")
def adopt() -> None:
    """Register the flow and its hourly deployment at Prefect, paused: Dagster goes on starting the runs."""
    from call_coach_assets.reporting.prefect.objects import DEPLOYMENT_NAME, FLOW_NAME
    from call_coach_assets.reporting.prefect.register import adopt as register
    from call_coach_assets.settings import load_settings

    settings = load_settings()
    adopted = register(settings)
    click.echo(f"{FLOW_NAME}/{DEPLOYMENT_NAME} is registered, paused ({settings.sync_cron}, {settings.sync_timezone})")
    if settings.prefect_ui_url:
        click.echo(f"{settings.prefect_ui_url.rstrip('/')}/deployments/deployment/{adopted.deployment_id}")

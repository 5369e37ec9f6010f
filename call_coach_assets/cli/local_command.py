"""`call-coach local`: the embedded stack of CALL_COACH_PROFILE=local, started, looked at, stopped and reset."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

NEXT = """
What to do next:
  make ui                  the asset graph in the browser, on this stack
  make demo                once more: nothing changed, so nothing is written
  eval "$({program} local env)"
                           point this shell at the stack; then, for instance:
  {program} doctor         what an installation is checked for
  {program} dead-letters   the rows that could not be synced, and why
  make stop, make reset    stop the stack; stop it and forget its data"""


@click.group("local")
def command() -> None:
    """Start, stop and reset an embedded Postgres and BigQuery emulator with sample data."""


@command.command()
@click.option("--calls", default=200, show_default=True, help="The size of the sample, where there is none yet.")
def start(calls: int) -> None:
    """Start what does not run; the first start makes the tables and the sample."""
    from call_coach_assets.local.stack import start_stack

    stack = start_stack(calls=calls)
    click.echo(f"Postgres  {stack.database_url}\nBigQuery  {stack.emulator.rest}\nData      {stack.folder}")


@command.command()
def stop() -> None:
    """Stop both servers and keep their data."""
    from call_coach_assets.local.stack import local_folder, stop_stack

    stop_stack()
    click.echo(f"Stopped; the data stays in {local_folder()}.")


@command.command()
def reset() -> None:
    """Stop both servers and delete their data."""
    from call_coach_assets.local.stack import local_folder, reset_stack

    reset_stack()
    click.echo(f"Stopped, and forgot the data in {local_folder()}.")


@command.command()
@click.pass_context
def status(context: click.Context) -> None:
    """Say what runs; ends with status 1 unless both servers do."""
    from call_coach_assets.cli.rendering import console, show_finding
    from call_coach_assets.diagnosis.embedded import look_at_stack
    from call_coach_assets.diagnosis.finding import failed

    findings, screen = look_at_stack(), console()
    for finding in findings:
        show_finding(screen, finding)
    context.exit(1 if failed(findings) else 0)


@command.command()
def env() -> None:
    """Start the stack and print the environment that points at it, for `eval "$(call-coach local env)"`."""
    from call_coach_assets.local.stack import local_environment, start_stack

    for name, value in local_environment(start_stack()).items():
        click.echo(f"export {name}={shlex.quote(value)}")


@command.command()
@click.pass_context
def show(context: click.Context) -> None:
    """Show what was synced, with the rows at both ends, and what to type next."""
    from call_coach_assets.cli.status_command import show_standings
    from call_coach_assets.local.stack import local_environment, start_stack
    from call_coach_assets.settings import read_settings

    os.environ.update(local_environment(start_stack()))
    complete = show_standings(read_settings(), as_json=False)
    click.echo(NEXT.format(program=_program()))
    context.exit(0 if complete else 1)


def _program() -> str:
    """How this program was called, so that what is printed can be typed."""
    path = Path(sys.argv[0])
    return os.path.relpath(path) if path.name == "call-coach" else "call-coach"

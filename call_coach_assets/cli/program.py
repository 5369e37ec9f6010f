"""The command line's front: which commands there are, and what happens to an error that one of them ends with.

Commands are imported when they are typed, so that `--help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from call_coach_assets.errors import CallCoachError

FAILED = 1
INTERRUPTED = 130
COMMANDS = {
    "sync": "Carry what changed from BigQuery into Postgres: all entities, or those named.",
    "status": "Show where each entity stands, at both ends.",
    "doctor": "Check settings, credentials, permissions and tables, and say what to do.",
    "reconcile": "Compare both ends by checksums, and repair exactly what differs.",
    "dead-letters": "List, show, retry and discard rows that could not be synced.",
    "prefect": "Show, deliver and register the run metadata that Prefect users see.",
    "ui": "Open the asset graph in the browser, with its daemon.",
    "local": "Start, stop and reset the embedded stack.",
}


class Program(click.Group):
    """The group of all commands; each is the function `command` of the module that is named like it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names of the commands, in the order in which a newcomer needs them."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command called `cmd_name`; None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"call_coach_assets.cli.{cmd_name.replace('-', '_')}_command")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Run a command and leave with its exit status: 1 for an error, 2 for wrong usage, 130 when interrupted."""
        sys.exit(_outcome(self, args, extra))

    def run_bare(self, args: Sequence[str] | None, **extra: Any) -> int:
        """Run a command; errors pass through. What a command hands to `Context.exit` is its exit status."""
        status = super().main(args, standalone_mode=False, **extra)
        return status if isinstance(status, int) else 0


def _outcome(group: Program, args: Sequence[str] | None, extra: dict[str, Any]) -> int:
    try:
        return group.run_bare(args, **extra)
    except click.Abort:
        return _say("Interrupted.", INTERRUPTED)
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except CallCoachError as problem:
        return _say(f"Error: {problem}", FAILED)
    except BrokenPipeError:
        return FAILED
    except Exception:
        import traceback

        return _say(f"{traceback.format_exc()}\nThis is a defect of call-coach: please report the lines above.", FAILED)


def _say(text: str, status: int) -> int:
    from call_coach_assets.cli.redaction import current_secrets, redact

    click.echo(redact(text, current_secrets()), err=True)
    return status


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="call-coach-assets", prog_name="call-coach")
@click.option("-v", "--verbose", is_flag=True, help="Show log lines on a terminal too.")
def program(verbose: bool) -> None:
    """Carry Gong and Salesforce data from BigQuery into the coaching application's Postgres.

    Settings come from the environment and from .env; .env.example explains each. Start with `call-coach doctor`.
    """
    from call_coach_assets.cli.logs import set_up_logging

    set_up_logging(verbose=verbose)

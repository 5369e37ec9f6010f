"""`call-coach ui`: the Dagster UI with its daemon, on the ends that the settings name."""

from __future__ import annotations

import os
import sys

import click


@click.command("ui")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=3000, show_default=True, help="The port to listen on.")
def command(host: str, port: int) -> None:
    """Open the asset graph in the browser, with the daemon that runs schedules and sensors, until Ctrl-C.

    Under CALL_COACH_PROFILE=local it starts the embedded stack first.
    """
    from call_coach_assets.orchestration.home import PROJECT, prepare_home
    from call_coach_assets.settings import load_settings

    load_settings()
    prepare_home()
    click.echo(f"The Dagster UI comes up at http://{host}:{port}; Ctrl-C ends it.")
    sys.stdout.flush()
    workspace = str(PROJECT / "workspace.yaml")
    arguments = ["-m", "dagster", "dev", "--workspace", workspace, "--host", host, "--port", str(port)]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - no shell is wanted

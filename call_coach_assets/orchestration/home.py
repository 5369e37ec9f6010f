"""DAGSTER_HOME: without it Dagster forgets a run as soon as it ends, so the project's own commands always set it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

VARIABLE = "DAGSTER_HOME"
FOLDER = ".dagster"
CONFIGURATION = "dagster.yaml"
PROJECT = Path(__file__).parents[2]


def prepare_home(project: Path = PROJECT) -> Path:
    """Set DAGSTER_HOME unless it is set: `.dagster/` in the project, with a link to its `dagster.yaml`; returns it.

    Logs of runs and, where no Postgres is configured, the history are kept there. Raises OSError if it cannot be made.
    """
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    home = project / FOLDER
    home.mkdir(exist_ok=True)
    with suppress(FileExistsError):
        (home / CONFIGURATION).symlink_to(Path("..") / CONFIGURATION)
    os.environ[VARIABLE] = str(home)
    return home

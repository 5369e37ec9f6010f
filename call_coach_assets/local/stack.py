"""The embedded stack as a whole: Postgres with the application's tables, the emulator with the sample in it.

Its state is in one folder, `.local` of the working directory or CALL_COACH_LOCAL_DIR. The servers run in the
background and outlive the command that started them, until `stop_stack`; starting is safe at any time, from any
number of processes, and after a kill of any of them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from call_coach_assets.local.databases import create_database
from call_coach_assets.local.emulator import EmulatorAddress, start_emulator, stop_emulator
from call_coach_assets.local.postgres import start_postgres, stop_postgres

PROJECT = "call-coach-local"
DATASETS: Mapping[str, str] = {"gong": "gongio_ft", "salesforce": "salesforce"}
_FOLDER_VARIABLE = "CALL_COACH_LOCAL_DIR"
_REAL_ENDS = (
    "GOOGLE_APPLICATION_CREDENTIALS",
    "METRICS_PUSH_GATEWAY",
    "PAGERDUTY_EVENTS_URL",
    "PAGERDUTY_ROUTING_KEY",
    "PREFECT_API_KEY",
    "PREFECT_API_URL",
    "SLACK_WEBHOOK_URL",
)


@dataclass(frozen=True)
class Stack:
    """A running stack: URLs of the application's and of Dagster's database, the address of the emulator."""

    folder: Path
    database_url: str
    dagster_url: str
    emulator: EmulatorAddress


def start_stack(folder: Path | None = None, *, calls: int = 200) -> Stack:
    """Start what does not run, and make what is not there yet: databases, the application's tables, the sample.

    `calls` is the size of the sample. Raises TargetUnavailableError or SourceUnavailableError where a server does not
    start.
    """
    folder = (folder or local_folder()).absolute()
    with _alone(folder), ThreadPoolExecutor(1) as aside:
        starting = aside.submit(start_emulator, folder / "bigquery")
        database, dagster = _databases(start_postgres(folder / "postgres"))
        emulator = starting.result()
        _seed_once(folder / "bigquery" / "seeded", emulator, calls)
    return Stack(folder, database, dagster, emulator)


def stop_stack(folder: Path | None = None) -> None:
    """Stop both servers and keep their data; do nothing where none runs."""
    folder = (folder or local_folder()).absolute()
    if folder.exists():
        with _alone(folder):
            _stop_servers(folder)


def reset_stack(folder: Path | None = None) -> None:
    """Stop both servers and delete their data: the next start begins from nothing."""
    folder = (folder or local_folder()).absolute()
    if folder.exists():
        with _alone(folder):
            _stop_servers(folder)
            for part in ("postgres", "bigquery"):
                shutil.rmtree(folder / part, ignore_errors=True)


def local_environment(stack: Stack) -> dict[str, str]:
    """The environment that points every part of the project at the stack, and at no real end."""
    return {
        **dict.fromkeys(_REAL_ENDS, ""),
        _FOLDER_VARIABLE: str(stack.folder),
        "DATABASE_URL": stack.database_url,
        "DATABASE_URL_DIRECT": stack.database_url,
        "DAGSTER_POSTGRES_URL": stack.dagster_url,
        "BIGQUERY_EMULATOR_HOST": stack.emulator.rest,
        "BIGQUERY_STORAGE_EMULATOR_HOST": "",
        "BIGQUERY_PROJECT": PROJECT,
        "GONG_DATASET": DATASETS["gong"],
        "SALESFORCE_DATASET": DATASETS["salesforce"],
    }


def local_folder() -> Path:
    """Where the state of the stack is: CALL_COACH_LOCAL_DIR, else `.local` of the working directory."""
    return Path(os.environ.get(_FOLDER_VARIABLE) or ".local").absolute()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process starts or stops this stack; the system frees the lock of a process that dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _databases(server: str) -> tuple[str, str]:
    """Make both databases; the application's tables come in one transaction, so they are there whole or not at all."""
    application = create_database(server, "call_coach")
    with psycopg.connect(application) as connection:
        if connection.execute("SELECT to_regclass('public.sync_status')").fetchone() == (None,):
            connection.execute(Path(__file__).with_name("app_schema.sql").read_bytes())
    return application, create_database(server, "dagster")


def _seed_once(done: Path, emulator: EmulatorAddress, calls: int) -> None:
    """Load the sample, with stamps up to now; `done` is written last, so that an interrupted start begins again."""
    if done.exists():
        return
    from call_coach_assets.local.sample import sample_tables
    from call_coach_assets.local.sample_load import emulator_client, seed

    newest = datetime.now(UTC).replace(second=0, microsecond=0)
    with closing(emulator_client(emulator.rest, PROJECT)) as client:
        seed(client, DATASETS, sample_tables(calls, newest=newest))
    done.touch()


def _stop_servers(folder: Path) -> None:
    stop_emulator(folder / "bigquery")
    stop_postgres(folder / "postgres")

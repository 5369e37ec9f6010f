"""Real ends for every test: a Postgres and a BigQuery emulator per worker, a database and a project per test."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from call_coach_assets.cli.logs import PACKAGE
from call_coach_assets.local.databases import create_database, drop_database
from call_coach_assets.local.emulator import start_emulator, stop_emulator
from call_coach_assets.local.postgres import start_postgres, stop_postgres
from call_coach_assets.local.sample import sample_tables
from call_coach_assets.settings import Settings, read_settings
from call_coach_assets_tests.faults import FaultProxy
from call_coach_assets_tests.recorder import Recorder
from call_coach_assets_tests.warehouse import DATASETS, Warehouse

APP_SCHEMA = Path(__file__).parent.parent / "call_coach_assets" / "local" / "app_schema.sql"
_TEMPLATE = "application"
_OTHER_VARIABLES = {"DATABASE_URL", "DAGSTER_HOME", "DAGSTER_MODULE_NAME", "CALL_COACH_LOCAL_DIR"}
_names = count(1)
_spent: list[str] = []


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in {*_OTHER_VARIABLES, *(field.upper() for field in Settings.model_fields)}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture(autouse=True, scope="module")
def logging_of_a_module() -> Iterator[None]:
    """No module changes how another logs."""
    with unchanged_logging():
        yield


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """No test changes how another logs."""
    with unchanged_logging():
        yield


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server of this worker; the application's schema is in its template `application`."""
    with postgres_server(tmp_path_factory.mktemp("postgres")) as url:
        with psycopg.connect(create_database(url, _TEMPLATE)) as connection:
            connection.execute(APP_SCHEMA.read_text().encode())
        yield url


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    """The URL of a fresh database with the application's schema."""
    while _spent:  # not at the end of its own test: Postgres would wait for connections that are just being closed
        drop_database(postgres_url, _spent.pop())
    name = f"test_{next(_names)}"
    yield create_database(postgres_url, name, template=_TEMPLATE)
    _spent.append(name)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a BigQuery emulator of this worker."""
    folder = tmp_path_factory.mktemp("emulator")
    try:
        yield start_emulator(folder, memory=True, tied=True).rest
    finally:
        stop_emulator(folder)


@pytest.fixture
def warehouse(emulator: str) -> Iterator[Warehouse]:
    """A project with both datasets, and no table; `Warehouse(emulator, "other-project")` is a second one."""
    opened = Warehouse(emulator)
    yield opened
    opened.client.close()


@pytest.fixture
def proxy(emulator: str) -> Iterator[FaultProxy]:
    """A way to the emulator on which a test strikes; give settings its `url`."""
    with FaultProxy.before_emulator(emulator) as opened:
        yield opened


@pytest.fixture(scope="session")
def sample_warehouse(emulator: str) -> Iterator[Warehouse]:
    """A project that holds the sample of 20 calls and its irregularities, of this worker: to be read only."""
    opened = Warehouse(emulator, "coach-sample")
    opened.load(sample_tables(20, monologues=10))
    yield opened
    opened.client.close()


@pytest.fixture
def settings(database: str, warehouse: Warehouse) -> Settings:
    """Settings that point at this test's database and warehouse."""
    return settings_for(database, warehouse)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """An HTTP server on loopback that writes down what it is sent."""
    opened = Recorder()
    yield opened
    opened.close()


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """The URL of a server with its files in `folder`, which ends with the block, or with this process."""
    try:
        url = start_postgres(folder, durable=False)
        watcher = _ended_with_this_process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
        yield url
        watcher.kill()
        watcher.communicate()
    finally:
        stop_postgres(folder)


@contextmanager
def unchanged_logging() -> Iterator[None]:
    """Undo what a command does to this package's logger."""
    logger = logging.getLogger(PACKAGE)
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)


def _ended_with_this_process(pid: int) -> subprocess.Popen[bytes]:
    """A shell that ends process `pid` when this one dies without stopping it, as a test that hangs makes it do."""
    return subprocess.Popen(["sh", "-c", f"read _; kill -QUIT {pid}"], stdin=subprocess.PIPE, start_new_session=True)


def settings_for(database: str, warehouse: Warehouse, **overrides: Any) -> Settings:
    """Settings that point at a database and a warehouse; retries do not wait."""
    ends = {
        "DATABASE_URL": database,
        "bigquery_emulator_host": warehouse.url,
        "bigquery_project": warehouse.project,
        "gong_dataset": DATASETS["gong"],
        "salesforce_dataset": DATASETS["salesforce"],
        "sync_retry_seconds": 0,
    }
    return read_settings(_env_file=None, **{**ends, **overrides})

"""A whole stack for Dagster: both ends filled, a history of its own in Postgres, and the environment that says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from call_coach_assets.local.databases import create_database, drop_database
from call_coach_assets_tests.sync.story import fill
from call_coach_assets_tests.warehouse import DATASETS, Warehouse


@dataclass(frozen=True)
class Stack:
    """Where everything is; `environment` is what a process that uses it needs to be told."""

    warehouse: Warehouse
    database: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point at this stack."""
        return {
            "DATABASE_URL": self.database,
            "DAGSTER_POSTGRES_URL": self.database + "_dagster",
            "DAGSTER_HOME": str(self.home),
            "BIGQUERY_EMULATOR_HOST": self.warehouse.url,
            "BIGQUERY_PROJECT": self.warehouse.project,
            "GONG_DATASET": DATASETS["gong"],
            "SALESFORCE_DATASET": DATASETS["salesforce"],
            "SYNC_RETRY_SECONDS": "0",
            "SYNC_EXECUTOR": "in_process",
        }


@pytest.fixture(scope="module")
def filled(postgres_url: str, emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack of a module's tests, with a small warehouse."""
    home = tmp_path_factory.mktemp("dagster_home")
    (home / "dagster.yaml").symlink_to(Path(__file__).parents[2] / "dagster.yaml")
    warehouse = Warehouse(emulator)
    fill(warehouse)
    yield Stack(warehouse, create_database(postgres_url, "orchestrated", template="application"), home)
    warehouse.client.close()
    for name in ("orchestrated", "orchestrated_dagster"):
        drop_database(postgres_url, name)


@pytest.fixture
def stack(filled: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stack:
    """The module's stack, with this process' environment pointing at it."""
    for name, value in filled.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return filled

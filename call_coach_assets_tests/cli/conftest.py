"""Both ends with a few rows, as the environment of the commands; the history of runs goes to a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from call_coach_assets.cli.program import program
from call_coach_assets.local.databases import create_database, drop_database
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets_tests.conftest import unchanged_logging
from call_coach_assets_tests.sync.story import address, call, email, monologue, opportunity, speaker
from call_coach_assets_tests.warehouse import Warehouse


@dataclass(frozen=True)
class Ends:
    """A filled warehouse and a database with the application's tables; `environment` points at both."""

    warehouse: Warehouse
    database: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to be told."""
        return {
            "DATABASE_URL": self.database,
            "DAGSTER_HOME": str(self.home),
            "BIGQUERY_EMULATOR_HOST": self.warehouse.url,
            "BIGQUERY_PROJECT": self.warehouse.project,
            "SYNC_RETRY_SECONDS": "0",
            "SYNC_EXECUTOR": "in_process",
        }


def run(*arguments: str) -> Result:
    """Run `call-coach` in this process; it logs to the standard error of its own result, and no longer."""
    with unchanged_logging():
        return CliRunner().invoke(program, arguments)


def fill(warehouse: Warehouse) -> None:
    """Two calls, an opportunity linked to one, two emails of which one is dead, a monologue that waits for its call."""
    warehouse.create_all()
    warehouse.insert("gong.call", [call(1), call(2)])
    warehouse.insert("gong.users", [{"id": 7, "email_address": "ann@prefect.io", "first_name": "Ann"}])
    warehouse.insert("gong.call_speaker", [speaker(1, "a", 7)])
    warehouse.insert("gong.transcript", [monologue(1, 0, "Hello"), monologue(9, 0, "Too early")])
    warehouse.insert("salesforce.opportunity", [opportunity("006")])
    warehouse.insert("gong.email", [email("e1", opportunity_id="006"), email("e2", sent_at=None)])
    warehouse.insert("gong.email_sender", [address("e1", "jane")])
    link = {"call_id": 1, "object_id": "006", "object_type": "Opportunity", "name": "Stage"}
    warehouse.insert("gong.call_context_integration", [link])


@pytest.fixture(scope="session")
def filled(postgres_url: str, emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    """The ends of a session's commands; who writes into the database takes one of its own."""
    warehouse = Warehouse(emulator, "coach-commands")
    fill(warehouse)
    name = f"commands_{warehouse.project.rpartition('-')[2]}"
    yield Ends(warehouse, create_database(postgres_url, name, template="application"), tmp_path_factory.mktemp("home"))
    close_pools()
    warehouse.client.close()
    drop_database(postgres_url, name)


@pytest.fixture
def ends(filled: Ends, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ends:
    """The session's ends, with this process' environment pointing at them."""
    for name, value in filled.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return filled

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from call_coach_assets.diagnosis.dagster_storage import find_dagster_storage
from call_coach_assets.diagnosis.examination import examine
from call_coach_assets.diagnosis.finding import State, failed
from call_coach_assets.settings import Settings, read_settings


@pytest.fixture
def humble(database: str) -> Iterator[str]:
    """The URL of a role that may not create a database."""
    with psycopg.connect(database) as connection:
        connection.execute("CREATE ROLE humble LOGIN")
    yield database.replace("postgres@", "humble@")
    with psycopg.connect(database) as connection:
        connection.execute("DROP ROLE humble")


def settings_of(database: str | None, storage: str | None) -> Settings:
    return read_settings(_env_file=None, DATABASE_URL=database, dagster_postgres_url=storage)


def test_dagsters_storage_is_reached_whatever_driver_its_url_names(database: str) -> None:
    finding = find_dagster_storage(settings_of(None, database.replace("postgresql:", "postgresql+psycopg2:")))
    assert finding.state is State.OK


def test_a_storage_that_is_not_there_yet_is_made_by_whoever_may(database: str, humble: str) -> None:
    gone = database + "_history"
    allowed = find_dagster_storage(settings_of(database, gone))
    assert allowed.state is State.WARNING
    assert "creates it" in allowed.remedy
    refused = find_dagster_storage(settings_of(humble, gone))
    assert refused.state is State.ERROR
    assert "CREATE DATABASE" in refused.remedy


def test_a_storage_that_cannot_be_reached_or_is_nowhere_named(database: str) -> None:
    assert find_dagster_storage(settings_of(database, "postgresql://a@127.0.0.1:1/dagster")).state is State.ERROR
    assert find_dagster_storage(settings_of(None, None)).state is State.SKIPPED


@pytest.mark.covers("P2", "P3")
def test_settings_that_cannot_be_read_end_the_examination_after_naming_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNC_BATCH_SIZE", "many")
    findings = {finding.name: finding for finding in examine()}
    assert findings["settings"].state is State.ERROR
    assert "SYNC_BATCH_SIZE" in findings["settings"].what
    assert findings["BigQuery and Postgres"].state is State.SKIPPED
    assert failed(findings.values())


@pytest.mark.covers("P2", "P3")
def test_an_empty_environment_is_told_everything_that_it_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    findings = {finding.name: finding for finding in examine()}
    wrong = {name for name, finding in findings.items() if finding.state is State.ERROR}
    assert wrong == {"Google credentials", "DATABASE_URL"}
    assert all(findings[name].remedy for name in wrong)
    assert findings["entities"].state is State.OK

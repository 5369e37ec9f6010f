"""Where Dagster's history is kept: in Postgres where one is configured, whatever command opens it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef

from call_coach_assets.errors import TargetUnavailableError
from call_coach_assets.local.databases import drop_database
from call_coach_assets.orchestration.home import PROJECT, prepare_home
from call_coach_assets.orchestration.instance_storage import storage_url
from call_coach_assets.settings import read_settings


def _open(home: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), config_dir=str(PROJECT)))


def _runs(home: Path) -> list[str]:
    with _open(home) as instance:
        return [run.run_id for run in instance.get_runs()]


def test_runs_are_kept_in_a_database_that_is_made_on_first_use(
    database: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one").mkdir()
    (tmp_path / "another").mkdir()
    drop_database(postgres_url, "dagster")
    try:
        with _open(tmp_path / "one") as instance:
            run = instance.create_run_for_job(dg.define_asset_job("nothing").resolve(asset_graph=_graph()))
        assert _runs(tmp_path / "another") == [run.run_id], "another machine sees the same history"
        assert urlsplit(storage_url(read_settings())).scheme == "postgresql+psycopg2"
    finally:
        drop_database(postgres_url, "dagster")


def test_without_any_setting_the_history_is_kept_in_dagster_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with _open(tmp_path) as instance:
        run = instance.create_run_for_job(dg.define_asset_job("nothing").resolve(asset_graph=_graph()))
    assert _runs(tmp_path) == [run.run_id]
    assert (tmp_path / "history").is_dir()


def test_a_postgres_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path) -> None:
    url = urlunsplit(("postgresql", "sync:very-secret@127.0.0.1:1", "/dagster", "", ""))
    with pytest.raises(TargetUnavailableError, match=r'database "dagster" on 127\.0\.0\.1') as caught:
        storage_url(read_settings(_env_file=None, dagster_postgres_url=url))
    assert "very-secret" not in str(caught.value)
    assert "DAGSTER_POSTGRES_URL" in caught.value.remedy


def test_the_projects_commands_set_a_home_that_reads_the_projects_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    home = prepare_home(tmp_path)
    assert prepare_home(tmp_path) == home == tmp_path / ".dagster"
    assert (home / "dagster.yaml").read_text() == (tmp_path / "dagster.yaml").read_text()


def _graph() -> dg.AssetGraph:
    @dg.asset
    def anything() -> None: ...

    return dg.Definitions(assets=[anything]).resolve_asset_graph()

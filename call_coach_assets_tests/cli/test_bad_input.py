"""Whatever is wrong, a sync ends with one message that names it and the remedy, and leaves nothing half-written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

import call_coach_assets
from call_coach_assets_tests.cli.conftest import Ends, run

TABLES = ("calls", "speakers", "transcripts", "opportunities", "emails", "call_opportunities")


def rows(database: str) -> dict[str, int]:
    """The rows of the application's tables, of those that are there."""
    with psycopg.connect(database) as connection:
        there = [
            table for table in TABLES if connection.execute("SELECT to_regclass(%s)", [table]).fetchone() != (None,)
        ]
        counts = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in there}  # type: ignore[arg-type]
    return {table: int(row[0]) for table, row in counts.items() if row}


@pytest.fixture
def untouched(ends: Ends, database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a database that holds no row, which the environment names."""
    monkeypatch.setenv("DATABASE_URL", database)
    return database


@pytest.mark.covers("P2", "P12")
@pytest.mark.parametrize(
    ("variable", "value", "names", "remedy"),
    [
        ("DATABASE_URL", "", "DATABASE_URL is not set", "DATABASE_URL=postgresql://user:password@host"),
        ("DATABASE_URL", "sqlite:///x", "DATABASE_URL is no Postgres URL", "DATABASE_URL=postgresql://"),
        ("DATABASE_URL", "postgresql://me:pass-word@127.0.0.1:1/app", "Connection refused", "DATABASE_URL is up"),
        ("BIGQUERY_EMULATOR_HOST", "", "no Google credentials", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("SYNC_BATCH_SIZE", "0", "SYNC_BATCH_SIZE", ".env.example"),
    ],
)
def test_a_wrong_setting_ends_a_sync_before_a_run_is_made(
    variable: str, value: str, names: str, remedy: str, untouched: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv(variable, value)
    ended = run("sync", "calls")
    assert ended.exit_code == 1
    assert ended.stdout == ""
    message = ended.stderr[ended.stderr.index("Error: ") :]
    assert message.count("Error: ") == 1
    assert names in message
    assert remedy in message
    assert "Traceback" not in ended.stderr
    assert "pass-word" not in ended.stderr
    assert not any(rows(untouched).values())
    assert not any(home.iterdir())


@pytest.mark.covers("P2", "P26")
def test_a_missing_target_table_is_named_and_nothing_is_written(untouched: str) -> None:
    with psycopg.connect(untouched) as connection:
        connection.execute("DROP TABLE emails")
    ended = run("sync", "emails")
    assert ended.exit_code == 1
    assert "emails failed." in ended.stderr
    assert "emails" in ended.stderr[ended.stderr.index("Error: ") :]
    assert "What to do: run the application's migrations" in ended.stderr
    assert not any(rows(untouched).values())


@pytest.mark.covers("P2", "P26")
@pytest.mark.parametrize(
    ("variable", "value", "names"),
    [
        ("GONG_DATASET", "nowhere", ".nowhere.call, which calls is read from, is not there"),
        ("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:1", "Looking at the table"),
    ],
    ids=["no dataset", "no BigQuery"],
)
def test_a_source_that_is_not_there_fails_the_entity_and_is_named(
    variable: str, value: str, names: str, untouched: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    ended = run("sync", "calls")
    assert ended.exit_code == 1
    assert "calls failed." in ended.stderr
    assert names in ended.stderr
    assert "What to do: " in ended.stderr
    assert not any(rows(untouched).values())


def test_an_unknown_entity_is_answered_with_the_known_ones(ends: Ends) -> None:
    ended = run("sync", "cals")
    assert ended.exit_code == 1
    assert "no entity cals" in ended.stderr
    assert "call_opportunities, calls, emails, opportunities, speakers, transcripts" in ended.stderr


def test_a_mistake_in_an_entitys_folder_is_named_with_its_file_and_line(untouched: str, tmp_path: Path) -> None:
    package = tmp_path / "call_coach_assets"
    shutil.copytree(Path(call_coach_assets.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    declaration, query = (package / "defs" / "emails" / name for name in ("defs.yaml", "query.sql"))
    good = declaration.read_text()
    declaration.write_text(good.replace("\n  base_alias:", "\n  bse_alias:"))
    wrong_yaml = sync_with(tmp_path)
    declaration.write_text(good)
    query.write_text(query.read_text().replace("SELECT", "SELEC", 1))
    wrong_sql = sync_with(tmp_path)

    assert (wrong_yaml.returncode, wrong_sql.returncode) == (1, 1)
    assert "emails/defs.yaml is wrong" in wrong_yaml.stderr
    assert "bse_alias: there is no such field" in wrong_yaml.stderr
    assert "emails failed." in wrong_sql.stderr
    assert "line " in wrong_sql.stderr[wrong_sql.stderr.index("Error: ") :]
    assert "What to do: correct" in wrong_sql.stderr
    for ended in (wrong_yaml, wrong_sql):
        assert "Traceback" not in ended.stderr
    assert not any(rows(untouched).values())


def sync_with(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run `call-coach sync emails` of the copy of the package in `folder`."""
    code = "import sys; sys.argv[0] = 'call-coach'; from call_coach_assets.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "sync", "emails"],
        env={**unmeasured(), "PYTHONPATH": str(folder)}, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def unmeasured() -> dict[str, str]:
    """This environment without what makes a child process measure its coverage, which would be that of a copy."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}

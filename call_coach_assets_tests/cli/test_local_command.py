import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from call_coach_assets.cli.program import program
from call_coach_assets.local.stack import stop_stack


def run(*arguments: str) -> Result:
    return CliRunner().invoke(program, ["local", *arguments])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CALL_COACH_LOCAL_DIR", str(tmp_path / "stack"))
    yield tmp_path / "stack"
    stop_stack(tmp_path / "stack")


def test_the_stack_is_started_shown_stopped_and_forgotten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = run("status")
    assert asleep.exit_code == 1
    assert asleep.stdout.count("does not run") == 2

    started = run("start", "--calls", "2")
    assert started.exit_code == 0, started.stderr
    assert str(folder) in started.stdout

    awake = run("status")
    assert awake.exit_code == 0
    assert awake.stdout.count("answers at") == 2

    exported = dict(line.removeprefix("export ").split("=", 1) for line in run("env").stdout.splitlines())
    assert exported["DATABASE_URL"] in started.stdout
    assert exported["SLACK_WEBHOOK_URL"] == "''"
    assert "DATABASE_URL" not in os.environ

    assert run("stop").exit_code == 0
    assert run("status").exit_code == 1
    assert (folder / "postgres").exists()

    assert run("reset").exit_code == 0
    assert not (folder / "postgres").exists()

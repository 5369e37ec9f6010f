import logging
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from call_coach_assets.cli.logs import PACKAGE, Line, set_up_logging
from call_coach_assets.cli.program import COMMANDS, Program, program
from call_coach_assets.cli.redaction import redact
from call_coach_assets.errors import TargetUnavailableError
from call_coach_assets_bench.figures.startup import GET_READY

PASSWORD = "p%40ss-word-1"


class Failing(Program):
    """A program whose one command raises `problem`."""

    problem: BaseException

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        def fail() -> None:
            raise self.problem

        return click.Command("fail", callback=fail)


@pytest.fixture
def boundary(monkeypatch: pytest.MonkeyPatch) -> Failing:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:{PASSWORD}@db.example:5432/app")
    return Failing("call-coach")


def test_an_error_says_what_why_and_what_to_do_and_fails(boundary: Failing) -> None:
    boundary.problem = TargetUnavailableError("Postgres is away", why=f"no route with {PASSWORD}", remedy="start it")
    result = CliRunner().invoke(boundary, ["fail"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "Error: Postgres is away: no route with •••\nWhat to do: start it\n"


@pytest.mark.covers("P12")
def test_an_unexpected_error_shows_its_traceback_without_secrets_and_fails(boundary: Failing) -> None:
    boundary.problem = RuntimeError(f"connect with {PASSWORD} or p@ss-word-1")
    result = CliRunner().invoke(boundary, ["fail"])
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "RuntimeError: connect with ••• or •••" in result.stderr


def test_an_interrupt_ends_with_130(boundary: Failing) -> None:
    boundary.problem = KeyboardInterrupt()
    result = CliRunner().invoke(boundary, ["fail"])
    assert result.exit_code == 130
    assert "Interrupted" in result.stderr


def test_an_unknown_command_is_wrong_usage() -> None:
    result = CliRunner().invoke(program, ["explode"])
    assert result.exit_code == 2
    assert "No such command 'explode'" in result.stderr


@pytest.mark.covers("P37")
def test_help_lists_every_command_and_imports_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys; from call_coach_assets.cli.program import program; sys.argv=['call-coach','--help']\n"
        "try: program()\nexcept SystemExit as end: assert not end.code"
    )
    said, imported = run(code)
    assert all(name in said for name in COMMANDS)
    assert not {"dagster", "dlt", "google.cloud.bigquery", "pydantic", "psycopg", "pyarrow"} & imported


@pytest.mark.covers("P37")
def test_a_sync_gets_to_where_its_run_can_begin_without_the_libraries_that_only_a_step_needs() -> None:
    """How many seconds that takes is measured by `make bench`, since it depends on the machine."""
    _, imported = run(GET_READY)
    assert not {"dlt", "dagster_dlt", "pyarrow", "pandas", "numpy", "sqlglot", "google.auth", "grpc"} & imported
    assert not {"google.cloud.bigquery", "prefect", "dagster_postgres", "psycopg2"} & imported
    assert not {"dagster_slack", "dagster_webserver"} & imported


def run(code: str) -> tuple[str, set[str]]:
    """What a process of its own prints that runs `code` without an error, and every module that it has imported."""
    told = f"{code}\nimport sys; print('', *sys.modules, sep='\\n ')"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said, _, modules = done.stdout.rpartition("\n\n ")
    return said, set(modules.split("\n "))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(program, [name, "--help"])
    assert result.exit_code == 0, result.stderr
    assert "Usage:" in result.stdout


def test_the_longest_secret_is_masked_first() -> None:
    assert redact("a abcd-efgh abcd", ["abcd", "abcd-efgh"]) == "a ••• •••"


def test_a_secret_too_short_to_be_one_does_not_riddle_the_text() -> None:
    assert redact("a cat sat", ["a"]) == "a cat sat"


@pytest.mark.covers("P17")
def test_a_log_line_is_one_line_of_pairs_without_secrets() -> None:
    record = logging.makeLogRecord(
        {"name": "x", "levelname": "INFO", "msg": "rows\npublished with %s", "args": (PASSWORD,), "entity": "calls"}
    )
    record.rows = 20
    line = Line([PASSWORD]).format(record)
    assert "\n" not in line
    assert 'level=info logger=x msg="rows\\npublished with •••" entity=calls rows=20' in line


def test_setting_up_logging_twice_logs_each_line_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    set_up_logging()
    set_up_logging()
    logging.getLogger(f"{PACKAGE}.probe").info("here")
    assert capsys.readouterr().err.count("msg=here") == 1

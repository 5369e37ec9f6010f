"""The embedded stack: it starts from anything, holds its data, and reaches nothing but this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from call_coach_assets.errors import ConfigurationError, TargetUnavailableError
from call_coach_assets.local.dependencies import package_folder
from call_coach_assets.local.emulator import emulator_address, stop_emulator
from call_coach_assets.local.postgres import socket_folder, start_postgres, stop_postgres
from call_coach_assets.local.process import is_running
from call_coach_assets.local.sample_load import emulator_client
from call_coach_assets.local.stack import PROJECT, Stack, local_environment, reset_stack, start_stack, stop_stack
from call_coach_assets.settings import Settings, load_settings
from call_coach_assets_tests.listening import LOOPBACK, listening_addresses

_CALLS = 3
_START = f"from call_coach_assets.local.stack import start_stack; print(start_stack(calls={_CALLS}))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("stack")
    yield folder
    stop_stack(folder)


@pytest.fixture(scope="module")
def stack(folder: Path) -> Stack:
    """Started by two commands at once, which end before any test begins."""
    environment = {**os.environ, "CALL_COACH_LOCAL_DIR": str(folder)}
    both = [subprocess.Popen([sys.executable, "-c", _START], env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate(timeout=90)[0] for process in both]
    assert said[0] == said[1]
    return start_stack(folder, calls=_CALLS)


def postmaster(stack: Stack) -> int:
    return int((stack.folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def calls_of(stack: Stack) -> int:
    client = emulator_client(stack.emulator.rest, PROJECT)
    return sum(1 for _ in client.list_rows(f"{PROJECT}.gongio_ft.call"))


def test_two_commands_at_once_start_one_stack_which_outlives_them(stack: Stack) -> None:
    assert is_running(stack.emulator.pid, str(stack.folder))
    with psycopg.connect(stack.database_url) as connection:
        assert connection.execute("SELECT count(*) FROM sync_status").fetchone() == (2,)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    psycopg.connect(stack.dagster_url).close()
    assert calls_of(stack) == _CALLS + 12


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_servers_listen_on_loopback_and_a_private_socket_only(stack: Stack) -> None:
    emulator = listening_addresses(stack.emulator.pid)
    assert emulator
    assert set(emulator) <= LOOPBACK
    assert listening_addresses(postmaster(stack)) == []
    assert socket_folder(stack.folder / "postgres").stat().st_mode & 0o077 == 0


def test_a_killed_stack_starts_again_with_its_data_though_its_process_ids_are_taken_over(stack: Stack) -> None:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO calls (gong_call_id) VALUES ('kept')")
    for pid in (postmaster(stack), stack.emulator.pid):
        os.kill(pid, signal.SIGKILL)
    for left in (stack.folder / "postgres" / "data" / "postmaster.pid", stack.folder / "bigquery" / "address.json"):
        number = str(postmaster(stack) if left.name == "postmaster.pid" else stack.emulator.pid)
        left.write_text(left.read_text().replace(number, str(os.getpid()), 1))
    again = start_stack(stack.folder)
    assert again.emulator.pid not in {os.getpid(), stack.emulator.pid}
    with psycopg.connect(again.database_url) as connection:
        assert connection.execute("SELECT count(*) FROM calls WHERE gong_call_id = 'kept'").fetchone() == (1,)
    assert calls_of(again) == _CALLS + 12


def test_stop_ends_both_servers_and_reset_deletes_their_data(stack: Stack) -> None:
    running = start_stack(stack.folder)
    pids = (postmaster(running), running.emulator.pid)
    stop_stack(stack.folder)
    assert not any(is_running(pid, str(stack.folder)) for pid in pids)
    assert emulator_address(stack.folder / "bigquery") is None
    reset_stack(stack.folder)
    assert [path.name for path in stack.folder.iterdir()] == ["lock"]
    stop_stack(stack.folder / "never-started")
    assert not (stack.folder / "never-started").exists()


def test_the_local_environment_points_at_no_real_end(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_WEBHOOK_URL", "PAGERDUTY_ROUTING_KEY", "PREFECT_API_URL", "PREFECT_API_KEY"):
        monkeypatch.setenv(name, "https://real.example")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/real.json")
    monkeypatch.setenv("DATABASE_URL", "postgresql://real.example/production")
    for name, value in local_environment(stack).items():
        monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None)
    assert "real" not in repr(settings.model_dump())
    assert set(settings.secrets) == {stack.database_url, stack.dagster_url}
    assert settings.bigquery_emulator_host == stack.emulator.rest
    assert settings.database_url == stack.database_url


def test_without_the_profile_nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALL_COACH_LOCAL_DIR", str(tmp_path / "local"))
    assert load_settings().database_url_pooled is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_a_long_path_has_its_socket_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 25) / "postgres"
    try:
        url = start_postgres(folder, durable=False)
        psycopg.connect(url).close()
        assert url == start_postgres(folder, durable=False)
        assert len(str(socket_folder(folder))) < 100
    finally:
        stop_postgres(folder)
    assert not socket_folder(folder).exists()


def test_a_postgres_that_cannot_read_its_data_says_so_and_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "initialised").touch()
    with pytest.raises(TargetUnavailableError, match=r"programs\.log"):
        start_postgres(tmp_path)


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "data").symlink_to(elsewhere)
    with pytest.raises(TargetUnavailableError, match="belongs to another user"):
        start_postgres(tmp_path)
    assert list(elsewhere.iterdir()) == []


def test_a_package_of_the_stack_that_is_not_installed_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"needs no_such_package[\s\S]*--group local"):
        package_folder("no_such_package")


def test_a_tied_emulator_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from call_coach_assets.local.emulator import start_emulator;"
        f"print(start_emulator(Path({str(tmp_path)!r}), memory=True, tied=True).pid)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    pid = int(done.stdout)
    try:
        while is_running(pid, str(tmp_path)):
            time.sleep(0.01)
    finally:
        stop_emulator(tmp_path)

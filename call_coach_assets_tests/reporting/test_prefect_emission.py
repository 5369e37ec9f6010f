"""Telling while a run happens, whatever the server, the network and the disk do."""

import json
import logging
import os
import socket
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from call_coach_assets.cli.prefect_command import command
from call_coach_assets.orchestration.prefect_sensor import build_prefect_sensor
from call_coach_assets.reporting.prefect import emitter as emitter_module
from call_coach_assets.reporting.prefect import jsonl, spool
from call_coach_assets.reporting.prefect.emitter import RunEmitter, backlog, only_deliverer
from call_coach_assets.settings import read_settings
from call_coach_assets_tests.reporting import toy_runs
from call_coach_assets_tests.reporting.false_servers import answering
from call_coach_assets_tests.reporting.prefect_history import History


def lines(folder: Path) -> list[dict]:
    path = folder / jsonl.NAME
    return [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []


def states(folder: Path, run_id: str) -> list[str]:
    mine = [line for line in lines(folder) if line["dagster_run_id"] == run_id]
    return [line["body"]["name"] for line in mine if line["kind"] == "flow_run_state"]


@pytest.mark.covers("D6")
def test_a_run_is_told_while_it_happens_and_as_crashed_when_its_process_is_killed(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "prefect"
    home.mkdir()
    with (
        toy_runs.instance_in(home) as instance,
        RunEmitter(instance, read_settings(), folder=folder, poll_seconds=0.02),
    ):
        with toy_runs.running_elsewhere(home, instance) as (run_id, _):
            toy_runs.until(lambda: any("speakers" in json.dumps(line) for line in lines(folder)))
            assert states(folder, run_id) == ["Running"]
        toy_runs.until(lambda: states(folder, run_id) == ["Running", "Crashed"])
    assert len({line["id"] for line in lines(folder)}) == len(lines(folder))


def test_a_server_that_never_answers_delays_the_end_of_a_run_by_less_than_a_second(
    history: History, tmp_path: Path
) -> None:
    assert emitter_module.LAST_SECONDS < 1  # how long the end waits; that it waits no longer is what is tried
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = read_settings(prefect_api_url=f"http://127.0.0.1:{silent.getsockname()[1]}/api")
        emitter = RunEmitter(history.instance, settings, folder=tmp_path, poll_seconds=0.01, last_seconds=0.3)
        with emitter:
            toy_runs.until(lambda: lines(tmp_path))
            connection, _ = silent.accept()
        with connection:
            assert still_waits(connection), (
                "the end of the run took as long as the request, which gives up after 5 seconds"
            )
    assert states(tmp_path, history.succeeded) == ["Running", "Completed"]
    waiting = backlog(tmp_path)
    assert waiting is not None
    assert waiting.waiting == len(lines(tmp_path))


def still_waits(connection: socket.socket) -> bool:
    """Whether the other side keeps its end open."""
    connection.setblocking(False)
    try:
        while connection.recv(65_536):
            pass
    except BlockingIOError:
        return True
    return False


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, "<html>Welcome</html>", "no JSON"),
        (200, '["nothing", "of", "Prefect"]', "not Prefect's"),
        (401, "{}", "PREFECT_API_KEY"),
        (404, '{"detail": "Not Found"}', "PREFECT_API_URL"),
        (500, "{}", "HTTP 500"),
    ],
)
def test_a_server_that_refuses_or_talks_nonsense_costs_nothing_and_the_operator_is_told(
    history: History, tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int, body: str, reason: str
) -> None:
    with answering(status, body) as url, caplog.at_level(logging.WARNING):
        settings = read_settings(prefect_api_url=url, prefect_api_key="pnu_never_shown")
        with RunEmitter(history.instance, settings, folder=tmp_path, last_seconds=20):
            pass
    waiting = backlog(tmp_path)
    assert waiting is not None
    assert (waiting.waiting, waiting.refused) == (len(lines(tmp_path)), 0)
    assert reason in (waiting.last_error or "")
    assert f"{waiting.waiting} objects wait on disk" in caplog.text
    assert "pnu_never_shown" not in caplog.text


def test_what_was_told_before_is_not_told_again_by_the_next_process(history: History, tmp_path: Path) -> None:
    for _ in range(2):
        with RunEmitter(history.instance, read_settings(), folder=tmp_path):
            pass
        first = lines(tmp_path)
        assert {line["dagster_run_id"] for line in first} >= {*history.runs}
    assert len({line["id"] for line in first}) == len(first)
    waiting = backlog(tmp_path)
    assert waiting is not None
    assert waiting.waiting == 0


def test_a_disk_that_cannot_be_written_and_a_switched_off_adapter_leave_the_run_alone(
    history: History, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    occupied = tmp_path / "file"
    occupied.touch()
    with RunEmitter(history.instance, read_settings(), folder=occupied / "prefect"):
        pass
    assert "cannot be kept" in caplog.text
    off = tmp_path / "off"
    with RunEmitter(history.instance, read_settings(prefect_metadata_enabled=False), folder=off):
        pass
    assert not off.exists()


def test_the_file_is_rotated_and_the_spool_leaves_out_log_lines_when_it_is_full(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "LARGEST", 20_000)
    monkeypatch.setattr(jsonl, "KEPT", 2)
    monkeypatch.setattr(spool, "LIMIT", 10)
    with RunEmitter(history.instance, read_settings(prefect_api_url="http://127.0.0.1:1/api"), folder=tmp_path):
        pass
    files = sorted(path.name for path in tmp_path.glob(f"{jsonl.NAME}*") if path.suffix != ".lock")
    assert files == [jsonl.NAME, f"{jsonl.NAME}.1", f"{jsonl.NAME}.2"]
    waiting = backlog(tmp_path)
    assert waiting is not None
    assert waiting.dropped > 0
    assert waiting.waiting > 10


def test_a_run_whose_log_lacks_its_end_gets_the_state_of_its_status(tmp_path: Path) -> None:
    with toy_runs.instance_in(tmp_path) as instance:
        run_id = toy_runs.run(instance)
        instance.event_log_storage.delete_events(run_id)
        with RunEmitter(instance, read_settings(), folder=tmp_path / "prefect"):
            pass
    assert states(tmp_path / "prefect", run_id) == ["Completed"]


def test_only_one_process_delivers_at_a_time(tmp_path: Path) -> None:
    with only_deliverer(tmp_path) as first, only_deliverer(tmp_path) as second:
        assert (first, second) == (True, False)
    with only_deliverer(tmp_path) as again:
        assert again


@pytest.mark.covers("D6")
def test_the_sensor_tells_runs_that_anyone_started(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    sensor = build_prefect_sensor()
    with dg.build_sensor_context(instance=history.instance) as context:
        assert isinstance(sensor(context), dg.SkipReason)
    assert states(tmp_path / "prefect", history.killed) == ["Running", "Crashed"]
    assert states(tmp_path / "prefect", history.partly_failed) == ["Running", "Failed"]
    monkeypatch.setenv("PREFECT_METADATA_ENABLED", "false")
    with dg.build_sensor_context(instance=history.instance) as context:
        assert "PREFECT_METADATA_ENABLED" in str(sensor(context))


def test_export_prints_one_run_by_the_beginning_of_its_id(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(history.home))
    shown = CliRunner().invoke(command, ["export", history.retried[:8]], catch_exceptions=False)
    told = [json.loads(line) for line in shown.output.splitlines()]
    assert {line["dagster_run_id"] for line in told} == {history.retried}
    assert told[-1]["body"]["type"] == "COMPLETED"
    assert os.environ["DAGSTER_HOME"] == str(history.home)

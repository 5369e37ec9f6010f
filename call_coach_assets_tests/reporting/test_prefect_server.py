"""What a real Prefect server says of Dagster's runs, by its own API."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from call_coach_assets.cli.prefect_command import command
from call_coach_assets.reporting.prefect.emitter import RunEmitter
from call_coach_assets.reporting.prefect.register import push
from call_coach_assets.settings import Settings, read_settings
from call_coach_assets_tests.reporting import toy_runs
from call_coach_assets_tests.reporting.false_servers import lossy
from call_coach_assets_tests.reporting.prefect_history import History
from call_coach_assets_tests.reporting.prefect_server import PrefectServer


@dataclass(frozen=True)
class Prefect:
    """The server, how the sync is set to it, and the runs that it was told of after it had been away."""

    server: PrefectServer
    settings: Settings
    history: History
    waited: int

    def flow_run(self, run_id: str) -> dict:
        return self.server.flow_runs()[run_id]

    def task_runs(self, run_id: str) -> dict[str, dict]:
        flow_run = self.flow_run(run_id)["id"]
        toy_runs.until(lambda: len(self.server.task_runs(flow_run)) == len(toy_runs.PARENTS))
        settled = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}

        def done() -> bool:
            runs = self.server.task_runs(flow_run).values()
            return all(run["state_type"] in settled or run["state_name"] == "NotReady" for run in runs)

        toy_runs.until(done)
        return self.server.task_runs(flow_run)


@pytest.fixture(scope="module")
def prefect(history: History, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """A server that was away while all the runs happened, and has been told of them since."""
    folder, server = history.home / "prefect", PrefectServer(tmp_path_factory.mktemp("prefect"))
    settings = read_settings(prefect_api_url=server.url)
    with RunEmitter(history.instance, settings, folder=folder):
        pass
    try:
        server.start()
        before = len(server.filtered("flow_runs"))
        pushed = push(history.instance, settings, folder)
        assert (before, pushed.stopped, pushed.backlog.waiting, pushed.backlog.refused) == (0, None, 0, 0)
        yield Prefect(server, settings, history, pushed.delivered)
    finally:
        server.stop()


@pytest.mark.covers("D6")
def test_runs_of_a_time_without_the_server_arrive_in_order_and_once(prefect: Prefect) -> None:
    runs = prefect.server.filtered("flow_runs", sort="EXPECTED_START_TIME_ASC")
    assert [run["idempotency_key"] for run in runs] == [*prefect.history.runs]
    assert [run["state_name"] for run in runs] == ["Completed", "Failed", "Completed", "Cancelled", "Crashed"]
    created = [run["created"] for run in runs]
    assert created == sorted(created)
    again = push(prefect.history.instance, prefect.settings, prefect.history.home / "prefect")
    assert again.delivered == 0
    assert prefect.waited > 100


@pytest.mark.covers("D6")
def test_each_run_appears_as_the_flow_run_that_it_replaces(prefect: Prefect) -> None:
    runs = prefect.server.flow_runs()
    flow = prefect.server.get("/flows/name/bigquery-dlt-sync")
    deployment = prefect.server.get("/deployments/name/bigquery-dlt-sync/hourly")
    assert {run["flow_id"] for run in runs.values()} == {flow["id"]}
    assert {run["deployment_id"] for run in runs.values()} == {deployment["id"]}
    assert (deployment["paused"], deployment["schedules"][0]["active"]) == (True, False)
    assert deployment["schedules"][0]["schedule"]["cron"] == "0 * * * *"
    canceled = prefect.flow_run(prefect.history.canceled)
    assert prefect.server.states(canceled["id"]) == ["Scheduled", "Running", "Cancelling", "Cancelled"]
    assert canceled["labels"]["dagster.run_id"] == prefect.history.canceled
    expected = datetime.fromisoformat(canceled["expected_start_time"].replace("Z", "+00:00"))
    assert abs(expected - prefect.history.record(prefect.history.canceled).create_timestamp).total_seconds() < 1


def test_task_runs_have_dagsters_times_counts_dependencies_and_figures(prefect: Prefect) -> None:
    retried = prefect.task_runs(prefect.history.retried)
    assert (retried["emails"]["run_count"], retried["emails"]["state_name"]) == (2, "Completed")
    assert retried["calls"]["labels"]["rows_read"] == 1200
    stats = {stat.step_key: stat for stat in prefect.history.instance.get_run_step_stats(prefect.history.retried)}
    for name, parents in toy_runs.PARENTS.items():
        inputs = retried[name]["task_inputs"]
        assert {key: value[0]["id"] for key, value in inputs.items()} == {p: retried[p]["id"] for p in parents}
        start = datetime.fromisoformat(retried[name]["start_time"].replace("Z", "+00:00")).timestamp()
        assert start == pytest.approx(stats[name].start_time, abs=0.01)
    failed = prefect.task_runs(prefect.history.partly_failed)
    assert failed["opportunities"]["state"]["message"] == "Postgres refuses a statement"
    assert (failed["opportunities"]["state_type"], failed["emails"]["state_name"]) == ("FAILED", "NotReady")
    killed = prefect.task_runs(prefect.history.killed)
    assert (killed["calls"]["state_name"], killed["speakers"]["state_name"]) == ("Completed", "Crashed")
    canceled = prefect.task_runs(prefect.history.canceled)
    assert {run["state_name"] for run in canceled.values()} == {"Completed", "Cancelled"}


def test_the_task_graph_connects_entities_to_those_they_depend_on(prefect: Prefect) -> None:
    run_id = prefect.history.succeeded
    names = {run["id"]: name for name, run in prefect.task_runs(run_id).items()}
    graph = prefect.server.get(f"/flow_runs/{prefect.flow_run(run_id)['id']}/graph-v2")
    parents = {names[key]: {names[parent["id"]] for parent in node["parents"]} for key, node in graph["nodes"]}
    assert parents == {name: set(needed) for name, needed in toy_runs.PARENTS.items()}


@pytest.mark.covers("D6")
def test_artifacts_logs_and_events_of_a_run_are_there_and_events_carry_dagsters_times(prefect: Prefect) -> None:
    run_id = prefect.history.partly_failed
    flow_run = prefect.flow_run(run_id)["id"]
    artifacts = prefect.server.filtered("artifacts", flow_runs={"id": {"any_": [flow_run]}})
    assert sorted(artifact["key"] for artifact in artifacts) == ["asset-checks", "row-counts", "run-summary"]
    logs = prefect.server.filtered("logs", logs={"flow_run_id": {"any_": [flow_run]}})
    assert sum(line["message"] == "read calls" for line in logs) == 1
    resource = f"prefect.flow-run.{flow_run}"
    toy_runs.until(lambda: any(e["event"] == "prefect.flow-run.Failed" for e in prefect.server.events(resource)))
    events = {event["event"]: event for event in prefect.server.events(resource)}
    ended = prefect.history.record(run_id).end_time
    at = datetime.fromisoformat(events["dagster.run.failed"]["occurred"].replace("Z", "+00:00")).timestamp()
    assert at == pytest.approx(ended, abs=1)
    assert {"prefect.task-run.Failed", "prefect.asset.materialization.succeeded"} <= {*events}
    related = {item["prefect.resource.role"] for item in events["prefect.flow-run.Failed"]["related"]}
    assert {"flow", "deployment", "tag"} <= related  # what the usual automations match


@pytest.mark.covers("D6")
def test_answers_that_are_lost_and_another_machine_repeat_every_request_and_nothing_happens_twice(
    prefect: Prefect, tmp_path: Path
) -> None:
    run_id = toy_runs.run(prefect.history.instance, toy_runs.flaky)
    with lossy(prefect.server.url) as url:
        settings = read_settings(prefect_api_url=url)
        stops = 0
        while push(prefect.history.instance, settings, prefect.history.home / "prefect").stopped is not None:
            stops += 1
            assert stops < 200
        assert stops > 10
    elsewhere = push(prefect.history.instance, prefect.settings, tmp_path)
    assert elsewhere.delivered > prefect.waited
    flow_run = prefect.flow_run(run_id)["id"]
    assert prefect.server.states(flow_run) == ["Scheduled", "Running", "Completed"]
    assert prefect.task_runs(run_id)["emails"]["run_count"] == 2
    artifacts = prefect.server.filtered("artifacts", flow_runs={"id": {"any_": [flow_run]}})
    assert len(artifacts) == 3
    for run in (run_id, *prefect.history.runs):
        mine = {"flow_run_id": {"any_": [prefect.flow_run(run)["id"]]}}
        told = [(line["timestamp"], line["message"]) for line in prefect.server.filtered("logs", logs=mine)]
        assert len(told) == len({*told})
    assert len(prefect.server.flow_runs()) == len(prefect.history.runs) + 1


def test_adopt_and_push_say_what_they_did(prefect: Prefect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(prefect.history.home))
    monkeypatch.setenv("PREFECT_API_URL", prefect.server.url)
    monkeypatch.setenv("PREFECT_UI_URL", "http://prefect.example")
    before = prefect.server.get("/deployments/name/bigquery-dlt-sync/hourly")
    shown = CliRunner().invoke(command, ["adopt"], catch_exceptions=False).output
    assert "bigquery-dlt-sync/hourly is registered, paused" in shown
    assert f"http://prefect.example/deployments/deployment/{before['id']}" in shown
    assert len(prefect.server.filtered("deployments")) == 1
    pushed = CliRunner().invoke(command, ["push"], catch_exceptions=False)
    assert (pushed.exit_code, pushed.output.partition(" delivered, ")[2]) == (0, "0 wait, 0 refused\n")

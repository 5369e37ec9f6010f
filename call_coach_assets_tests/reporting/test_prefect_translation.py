"""From Dagster's runs to Prefect's objects, judged by the models of Prefect's own client."""

import json
from pathlib import Path

import pytest
from dagster import DagsterEvent, DagsterEventType, DagsterRunStatus
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._utils.error import SerializableErrorInfo
from prefect.client.schemas.actions import (
    ArtifactCreate,
    DeploymentCreate,
    FlowCreate,
    FlowRunCreate,
    LogCreate,
    StateCreate,
)
from prefect.client.schemas.objects import StateType, TaskRun
from prefect.events.schemas.events import Event

from call_coach_assets.reporting.prefect import states
from call_coach_assets.reporting.prefect.facts import facts_of
from call_coach_assets.reporting.prefect.objects import Emission
from call_coach_assets.reporting.prefect.sweep import told_so_far
from call_coach_assets.reporting.prefect.translation import RunTranslation, translate
from call_coach_assets.settings import read_settings
from call_coach_assets_tests.reporting import toy_runs
from call_coach_assets_tests.reporting.prefect_history import History

MODELS = {
    "flow": FlowCreate,
    "deployment": DeploymentCreate,
    "flow_run": FlowRunCreate,
    "flow_run_state": StateCreate,
    "event": Event,
    "artifact": ArtifactCreate,
    "log": LogCreate,
}
DOCUMENTED = (Path(__file__).parents[2] / "docs" / "prefect.md").read_text(encoding="utf-8")


def told(history: History, run_id: str) -> list[Emission]:
    return told_so_far(history.instance, history.record(run_id), read_settings())


def flow_states(emissions: list[Emission]) -> list[str]:
    return [emission.body["name"] for emission in emissions if emission.kind == "flow_run_state"]


def task_states(emissions: list[Emission], name: str) -> list[str]:
    events = [emission.body for emission in emissions if emission.body.get("event", "").startswith("prefect.task-run.")]
    return [event["event"].rpartition(".")[2] for event in events if event["payload"]["task_run"]["name"] == name]


@pytest.mark.covers("D6")
def test_every_object_validates_against_prefects_own_models(history: History) -> None:
    emissions = [emission for run_id in history.runs for emission in told(history, run_id)]
    assert {emission.kind for emission in emissions} == {*MODELS}
    for emission in emissions:
        MODELS[emission.kind].model_validate(emission.body)
        if emission.body.get("event", "").startswith("prefect.task-run."):
            task_run = TaskRun.model_validate(emission.body["payload"]["task_run"])
            assert task_run.task_inputs.keys() == set(toy_runs.PARENTS[task_run.name])
            StateType(emission.body["payload"]["validated_state"]["type"])


def test_telling_a_run_twice_or_event_by_event_yields_the_same_objects_with_the_same_ids(history: History) -> None:
    for run_id in history.runs:
        facts = facts_of(history.instance, history.record(run_id), read_settings())
        records = history.instance.get_records_for_run(run_id).records
        log = [(record.storage_id, record.event_log_entry) for record in records]
        whole = translate(facts, log)
        assert len({emission.id for emission in whole}) == len(whole)
        translation = RunTranslation(facts)
        parts = [*translation.opening()]
        for number, (storage_id, entry) in enumerate(log, 1):
            parts += translation.feed(storage_id, entry)
            assert translate(facts, log[:number]) == parts
        assert parts == whole


def test_each_kind_of_run_goes_through_the_states_that_prefect_has_for_it(history: History) -> None:
    assert flow_states(told(history, history.succeeded)) == ["Running", "Completed"]
    assert task_states(told(history, history.succeeded), "emails") == ["Pending", "Running", "Completed"]
    failed = told(history, history.partly_failed)
    assert flow_states(failed) == ["Running", "Failed"]
    assert task_states(failed, "opportunities") == ["Pending", "Running", "Failed"]
    assert task_states(failed, "emails") == ["Pending", "NotReady"]
    assert task_states(failed, "transcripts")[-1] == "Completed"
    canceled = told(history, history.canceled)
    assert flow_states(canceled) == ["Running", "Cancelling", "Cancelled"]
    assert task_states(canceled, "speakers")[-1] == task_states(canceled, "emails")[-1] == "Cancelled"


def test_an_entity_without_its_source_table_is_a_skipped_task_that_says_why(tmp_path: Path) -> None:
    with toy_runs.instance_in(tmp_path) as instance:
        run_id = toy_runs.run(instance, toy_runs.without_emails, tags={"dagster/parent_run_id": "1a2b3c4d"})
        record = instance.get_run_record_by_id(run_id)
        assert record is not None
        emissions = told_so_far(instance, record, read_settings())
    assert task_states(emissions, "emails") == ["Pending", "Running", "Skipped"]
    events = {
        emission.body["resource"]["prefect.resource.name"]: emission.body
        for emission in emissions
        if emission.kind == "event"
    }
    assert events["emails"]["payload"]["validated_state"]["message"] == "gong.email is not there"
    assert flow_states(emissions) == ["Running", "Completed"]
    assert events[f"retry-{run_id[:8]}"]["event"] == "dagster.run.completed"


def test_a_retried_task_counts_its_runs_and_the_time_of_both(history: History) -> None:
    emissions = told(history, history.retried)
    assert task_states(emissions, "emails") == ["Pending", "Running", "AwaitingRetry", "Retrying", "Completed"]
    runs = [e.body["payload"]["task_run"] for e in emissions if e.body.get("event", "").startswith("prefect.task-run.")]
    last = [run for run in runs if run["name"] == "emails"][-1]
    assert last["run_count"] == 2
    between = TaskRun.model_validate(last)
    assert between.total_run_time < between.end_time - between.start_time  # the pause is not counted


@pytest.mark.covers("D6")
def test_the_artifacts_show_row_counts_checks_errors_and_the_way_back_to_dagster(history: History) -> None:
    emissions = told(history, history.partly_failed)
    artifacts = {emission.body["key"]: emission.body["data"] for emission in emissions if emission.kind == "artifact"}
    rows = {row["entity"]: row for row in json.loads(artifacts["row-counts"])}
    assert (rows["calls"]["read"], rows["calls"]["rows in target"]) == (1200, 5000)
    assert rows["emails"]["state"] == "NotReady"
    assert json.loads(artifacts["asset-checks"])[0]["check"] == "row_count_delta"
    assert f"http://127.0.0.1:3000/runs/{history.partly_failed}" in artifacts["run-summary"]
    assert "Postgres refuses a statement" in artifacts["run-summary"]
    labels = next(emission.body["labels"] for emission in emissions if emission.kind == "flow_run")
    assert labels["dagster.run_id"] == history.partly_failed


def test_the_name_of_a_flow_run_says_what_started_it(history: History) -> None:
    names = {
        run_id: next(emission.body["name"] for emission in told(history, run_id) if emission.kind == "flow_run")
        for run_id in (history.succeeded, history.retried)
    }
    assert names[history.succeeded] == f"hourly-{history.succeeded[:8]}"
    assert names[history.retried] == f"manual-{history.retried[:8]}"


def test_a_secret_in_an_error_reaches_no_object(tmp_path: Path) -> None:
    settings = read_settings(prefect_api_key='pnu_"secret"', DATABASE_URL="postgresql://sync:hunter22@db/app")
    with toy_runs.instance_in(tmp_path) as instance:
        run_id = toy_runs.run(instance, toy_runs.failing("calls", 'hunter22 and pnu_"secret" are refused'))
        record = instance.get_run_record_by_id(run_id)
        assert record is not None
        text = json.dumps([emission.body for emission in told_so_far(instance, record, settings)])
    assert "are refused" in text
    assert "hunter22" not in text
    assert "pnu_" not in text


def test_every_status_of_dagster_has_a_state_of_prefect_and_the_documentation_says_so() -> None:
    assert {*states.RUN_STATUSES} == {*DagsterRunStatus}
    for status, state in states.RUN_STATUSES.items():
        StateType(state.type)
        if status != DagsterRunStatus.MANAGED:
            assert f"| `{status.value}` | {state.type} | {state.name} |" in DOCUMENTED
    for kind, state in states.STEP_EVENTS.items():
        assert f"| `{kind.value}` | {state.type} | {state.name} |" in DOCUMENTED


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, "Crashed"),
        (JobFailureData(error=None, failure_reason=RunFailureReason.START_TIMEOUT), "Crashed"),
        (JobFailureData(error=None, failure_reason=RunFailureReason.UNEXPECTED_TERMINATION), "Crashed"),
        (JobFailureData(error=None, failure_reason=RunFailureReason.STEP_FAILURE), "Failed"),
        (JobFailureData(error=SerializableErrorInfo("no such op", [], "E"), failure_reason=None), "Failed"),
    ],
)
def test_a_run_that_failed_without_an_error_of_its_own_crashed(data: JobFailureData | None, expected: str) -> None:
    event = DagsterEvent(DagsterEventType.RUN_FAILURE.value, "sync_all", event_specific_data=data)
    assert states.run_state(event) == states.PrefectState(expected.upper(), expected)

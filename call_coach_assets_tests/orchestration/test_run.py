"""The assets as Dagster runs them, from an emulated BigQuery into a real Postgres, with the history in Postgres too."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from dagster import DagsterRunStatus

from call_coach_assets.checks.verdict import CheckName
from call_coach_assets.errors import ConfigurationError
from call_coach_assets.orchestration.failures import failures_of_run
from call_coach_assets.orchestration.run import Progress, run_sync
from call_coach_assets_tests.orchestration.conftest import Stack

PROJECT = Path(__file__).parents[2]
SIX = {"calls", "speakers", "transcripts", "opportunities", "call_opportunities", "emails"}


@pytest.fixture
def instance(stack: Stack) -> Iterator[dg.DagsterInstance]:
    """The history of the stack."""
    with dg.DagsterInstance.get() as opened:
        yield opened


@pytest.fixture(scope="module")
def first(filled: Stack) -> Iterator[tuple[Any, list[Progress]]]:
    """The first sync of the module's stack, and what was told meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in filled.environment.items():
            patch.setenv(name, value)
        told: list[Progress] = []
        yield run_sync(on_progress=told.append), told


def _metadata(instance: dg.DagsterInstance, entity: str) -> dict[str, Any]:
    materialization = instance.get_latest_materialization_event(dg.AssetKey(entity))
    assert materialization is not None
    assert materialization.asset_materialization is not None
    return {key: value.value for key, value in materialization.asset_materialization.metadata.items()}


def _rows(stack: Stack, table: str) -> int:
    with psycopg.connect(stack.database) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])


@pytest.mark.covers("D1", "D2", "D7", "P21")
def test_one_run_syncs_all_six_parents_before_children(
    first: tuple[Any, list[Progress]], stack: Stack, instance: dg.DagsterInstance
) -> None:
    outcome, told = first
    assert outcome.success, outcome.failures
    assert set(outcome.results) == SIX
    assert {name: result.row_count for name, result in outcome.results.items()} == {
        name: _rows(stack, name) for name in SIX
    }
    order = [progress.entity for progress in told if progress.state == "synced"]
    for child, parent in [("speakers", "calls"), ("transcripts", "speakers"), ("call_opportunities", "opportunities")]:
        assert order.index(parent) < order.index(child)
    run = instance.get_run_by_id(outcome.run_id)
    assert run is not None
    assert run.status is DagsterRunStatus.SUCCESS


@pytest.mark.covers("P18", "P32", "D7")
def test_a_materialization_tells_all_of_the_run_and_of_the_table(
    first: tuple[Any, list[Progress]], instance: dg.DagsterInstance
) -> None:
    outcome, _ = first
    told = _metadata(instance, "speakers")
    result = outcome.results["speakers"]
    assert told["rows_read"] == result.read > 0
    assert told["rows_inserted"] == told["rows_synced"] == result.inserted
    for key in ("rows_updated", "rows_unchanged", "rows_deleted", "rows_waiting", "rows_dead_lettered", "errors_count"):
        assert isinstance(told[key], int)
    for key in ("duration_seconds", "lag_seconds", "bytes_processed", "bytes_billed", "cost_usd", "cost_usd_per_month"):
        assert told[key] >= 0
    assert datetime.fromtimestamp(told["checkpoint_after"], result.checkpoint_after.tzinfo) == result.checkpoint_after
    assert told["dlt_load_id"] == result.load_id
    assert told["dagster/row_count"] == result.row_count
    assert told["dagster/table_name"].endswith(".public.speakers")
    assert "speakers" in told["summary"]
    columns = {column.name: column for column in told["dagster/column_schema"].columns}
    assert columns["talk_time_percentage"].type == "numeric(5,2)"
    assert columns["role"].type == "speaker_role"
    assert all(column.description for column in columns.values())
    lineage = told["dagster/column_lineage"].deps_by_column
    assert (
        dg.TableColumnDep(dg.AssetKey(["bigquery", "gong", "call_speaker"]), "talk_time")
        in lineage["talk_time_seconds"]
    )
    assert {dep.column_name for dep in lineage["email"]} >= {"email_address"}


@pytest.mark.covers("D5", "D8", "P29")
def test_every_check_of_every_entity_is_judged_in_the_same_run(
    first: tuple[Any, list[Progress]], instance: dg.DagsterInstance
) -> None:
    outcome, _ = first
    entries = instance.all_logs(outcome.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.dagster_event.asset_check_evaluation_data for entry in entries if entry.dagster_event]
    assert {(one.asset_key.path[-1], one.check_name) for one in found} == {
        (name, check.value) for name in SIX for check in CheckName
    }
    unsure = [one.description for one in found if one.description and one.description.startswith("Could not check")]
    assert unsure == []
    wrong = [
        f"{one.asset_key.path[-1]} {one.check_name}: {one.description}"
        for one in found
        if not one.passed
        and one.check_name not in {CheckName.DATA_FRESHNESS, CheckName.FIVETRAN_LAG, CheckName.UNPUBLISHED_ROWS}
        and one.check_name != CheckName.FIDELITY  # nothing was ever compared
    ]
    assert wrong == []


def test_a_name_that_is_no_entity_is_refused_before_anything_runs(stack: Stack) -> None:
    with pytest.raises(ConfigurationError, match="call_coach_assets/defs are call_opportunities, calls"):
        run_sync(["call"])


@pytest.mark.covers("P27", "P12", "P28")
def test_an_entity_that_fails_or_is_skipped_stops_neither_the_others_nor_its_children(
    first: tuple[Any, list[Progress]], stack: Stack, instance: dg.DagsterInstance
) -> None:
    stack.warehouse.drop("gong.call")
    stack.warehouse.drop("gong.email")
    outcome = run_sync()
    assert set(outcome.failures) == {"calls", "call_opportunities"}
    assert {name for name, result in outcome.results.items() if not result.skipped} == SIX - {
        *outcome.failures,
        "emails",
    }
    failure = outcome.failures["calls"]
    assert (failure.kind, failure.transient) == ("SourceMissingError", False)
    assert "gongio_ft.call" in failure.what
    assert failure.remedy
    assert outcome.results["emails"].skipped
    emails = instance.get_latest_materialization_event(dg.AssetKey("emails"))
    assert emails is not None
    assert emails.run_id != outcome.run_id, "a skipped entity does not claim to be new"
    run = instance.get_run_by_id(outcome.run_id)
    assert run is not None
    assert run.status is DagsterRunStatus.FAILURE
    assert failures_of_run(instance, run.run_id) == outcome.failures


@pytest.mark.covers("D9", "P24")
def test_dagsters_own_command_syncs_a_subset_in_processes_and_ends_non_zero_on_a_failure(
    first: tuple[Any, list[Progress]], stack: Stack
) -> None:
    stack.warehouse.insert("salesforce.opportunity", [{"id": "0099", "name": "Late deal", "stage_name": "Won"}])
    stack.warehouse.drop("gong.call_speaker")
    before = _rows(stack, "opportunities")
    arguments = ["asset", "materialize", "-m", "call_coach_assets.definitions", "--select", "opportunities,speakers"]
    done = subprocess.run(
        [sys.executable, "-m", "dagster", *arguments],
        env={**os.environ, "SYNC_EXECUTOR": "multiprocess"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "gongio_ft.call_speaker" in done.stdout + done.stderr
    assert _rows(stack, "opportunities") == before + 1

"""Counting the source's rows: counted once for each state of the tables, and compared with the target every time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest

from call_coach_assets.checks.source_measure import SourceMeasure, measure_source
from call_coach_assets.checks.verdict import CheckName
from call_coach_assets.orchestration.check_results import check_results
from call_coach_assets.settings import Settings
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.postgres import pool_for
from call_coach_assets.sync.session import sync_entity
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.faults import FaultProxy
from call_coach_assets_tests.warehouse import Warehouse

ENTITIES = load_entities(check_queries=False)
CALLS = ENTITIES["calls"]


@pytest.fixture
def settings(database: str, warehouse: Warehouse, proxy: FaultProxy) -> Settings:
    """Two calls, synced; what is asked of BigQuery goes through `proxy`."""
    warehouse.create_all(optional=False)
    warehouse.insert("gong.call", [{"id": str(n), "title": f"Call {n}", "duration": 60} for n in (1, 2)])
    found = settings_for(database, warehouse, sync_skip_unchanged=True, bigquery_emulator_host=proxy.url)
    sync_entity(CALLS, ENTITIES, found, "a run")
    return found


def queries(proxy: FaultProxy) -> int:
    """How many queries were run since this was asked last."""
    found, proxy.struck = proxy.struck, 0
    proxy.call(lambda: None, when=b"POST ", times=99)
    return found


@pytest.mark.covers("P36")
def test_the_rows_of_unchanged_tables_are_counted_once(
    settings: Settings, warehouse: Warehouse, proxy: FaultProxy
) -> None:
    def measure(cutoff: datetime | None = None, gone: tuple[str, ...] = ()) -> SourceMeasure:
        by_column = {"primary_user_id": list(gone)} if gone else {}
        return measure_source(CALLS, settings, cutoff, by_column, answers=pool_for(settings))

    queries(proxy)
    first = measure()
    assert (first.rows, first.newer, first.newest) == (2, 2, warehouse.now)
    assert queries(proxy) == 1
    assert measure() == first
    assert queries(proxy) == 0
    assert measure(cutoff=warehouse.now + timedelta(hours=1)).newer == 0, "another question"
    assert queries(proxy) == 1
    warehouse.insert("gong.call", [{"id": "3", "title": "Call 3"}])
    assert measure(cutoff=first.newest).newer == 1
    assert queries(proxy) == 1
    measure_source(CALLS, settings, first.newest, {})
    assert queries(proxy) == 1, "who keeps no answers asks each time"


@pytest.mark.covers("P29", "D5")
def test_a_row_that_the_target_loses_is_missed_though_the_source_is_not_counted_again(
    settings: Settings, proxy: FaultProxy
) -> None:
    result = sync_entity(CALLS, ENTITIES, settings, "idle")
    with dg.DagsterInstance.ephemeral() as instance:

        def delta() -> dg.AssetCheckResult:
            _, found = check_results(instance, CALLS, ENTITIES, settings, result=result, now=datetime.now(UTC))
            return next(check for check in found if check.check_name == CheckName.ROW_COUNT_DELTA)

        assert delta().passed
        queries(proxy)
        with psycopg.connect(settings.database_url) as connection:
            connection.execute("DELETE FROM calls WHERE gong_call_id = '2'")
        missed = delta()
    assert queries(proxy) == 0
    assert (missed.passed, missed.metadata["delta"].value) == (False, -1)

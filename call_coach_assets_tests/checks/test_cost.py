"""What BigQuery bills: bounded for each query, projected for a month, and kept small by partitions."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from call_coach_assets.checks.cost import BYTES_PER_TIB, cost_usd, monthly_cost_usd, runs_per_month
from call_coach_assets.diagnosis import source_query
from call_coach_assets.diagnosis.finding import State
from call_coach_assets.diagnosis.pruning import compares_base_with_cursor, reads_by_cursor_alone
from call_coach_assets.diagnosis.source_query import MIB, THE_BEGINNING, find_query
from call_coach_assets.errors import SourceCostError
from call_coach_assets.settings import read_settings
from call_coach_assets.sync.catalog import read_catalog
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.session import sync_entity
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.faults import FaultProxy
from call_coach_assets_tests.warehouse import Warehouse

ENTITIES = load_entities(check_queries=False)
REFUSAL = "Query exceeded limit for bytes billed: 20971520. 33554432 or higher required."


@pytest.mark.covers("P36")
def test_a_query_over_its_limit_is_refused_by_bigquery_and_reported_as_that(
    database: str, warehouse: Warehouse, proxy: FaultProxy
) -> None:
    warehouse.create_all(optional=False)
    error = {"code": 400, "message": REFUSAL, "errors": [{"reason": "bytesBilledLimitExceeded", "message": REFUSAL}]}
    proxy.answer(400, when=b'"maximumBytesBilled": "20971520"', times=9, body={"error": error})
    settings = settings_for(database, warehouse, bigquery_emulator_host=proxy.url, max_bytes_billed=20 * MIB)
    with pytest.raises(SourceCostError) as refused:
        sync_entity(ENTITIES["calls"], ENTITIES, settings, "dear")
    assert REFUSAL in refused.value.why
    assert "MAX_BYTES_BILLED" in refused.value.remedy
    assert proxy.struck == 1, "the same query would be refused again"
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT last_sync_status, error_details #>> '{0,reason}' FROM sync_status").fetchall()
    assert [status for status, reason in row if reason and REFUSAL in reason] == ["failed"]


@pytest.mark.covers("P36")
def test_every_query_compares_the_bare_stamp_of_its_base_with_a_constant() -> None:
    compared = {name for name, entity in ENTITIES.items() if compares_base_with_cursor(entity)}
    assert compared == ENTITIES.keys() - {"call_opportunities"}, "a call's links have their stamps in other tables"
    assert {name for name, entity in ENTITIES.items() if reads_by_cursor_alone(entity)} == {"transcripts"}


@pytest.mark.parametrize(
    ("where", "compared", "alone"),
    [
        ("t._fivetran_synced >= @cursor", True, True),
        ("t._fivetran_synced >= @cursor OR t._fivetran_synced IS NULL", True, True),
        ("t._fivetran_synced >= @cursor OR t.call_id IN (SELECT 1)", True, False),
        ("DATE(t._fivetran_synced) >= @cursor", False, False),
        ("t._fivetran_synced >= (SELECT @cursor)", False, False),
        ("COALESCE(t._fivetran_synced >= @cursor, TRUE)", False, False),
        ("s._fivetran_synced >= @cursor", False, False),
    ],
)
def test_only_a_comparison_that_bigquery_can_prune_by_is_called_one(where: str, compared: bool, alone: bool) -> None:
    entity = ENTITIES["transcripts"].model_copy(
        update={"query": f"SELECT 1 AS one FROM gong.transcript AS t, gong.call AS s WHERE {where}"}
    )
    assert (compares_base_with_cursor(entity), reads_by_cursor_alone(entity)) == (compared, alone)


@pytest.mark.covers("P36")
@pytest.mark.parametrize(
    ("entity", "hourly", "state"),
    [
        ("transcripts", 900, State.WARNING),  # not partitioned
        ("transcripts", 10, State.OK),
        ("transcripts", 0.9, State.OK),  # too small to matter
        ("calls", 900, State.OK),  # a call depends on rows of other tables: its own is read whole by design
    ],
)
def test_a_dry_run_shows_whether_partitions_before_the_cursor_are_left_unread(
    entity: str, hourly: float, state: State, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.create_all()

    def bytes_processed(_client: Any, _sql: str, parameters: dict[str, Any], _what: str) -> int:
        return int((1000 if parameters["cursor"] == THE_BEGINNING else hourly) * MIB)

    monkeypatch.setattr(source_query, "dry_run", bytes_processed)
    settings = settings_for("postgresql://me@127.0.0.1:1/none", warehouse)
    catalog = read_catalog(warehouse.client, ENTITIES[entity], settings)
    finding = find_query(warehouse.client, ENTITIES[entity], catalog, settings)
    assert finding.state is state
    assert f"a full read processes 1,000.0 MiB, one of the last hour {hourly:,.1f} MiB" in finding.what
    assert ("partitioned by day on _fivetran_synced" in finding.remedy) is (state is State.WARNING)


@pytest.mark.parametrize(
    ("cron", "a_day"),
    [
        ("0 * * * *", 24),
        ("@hourly", 24),
        ("*/15 * * * *", 96),
        ("0,30 8-19/2 * * *", 12),
        ("0 6 * * 1-5", 5 / 7),
        ("0 6 * * MON-FRI", 1),
        ("no cron", 24),
    ],
)
def test_a_month_has_as_many_runs_as_the_schedule_says(cron: str, a_day: float) -> None:
    assert runs_per_month(cron) == pytest.approx(a_day * 365 / 12)


@pytest.mark.covers("P36")
def test_a_month_is_projected_from_the_price_and_the_schedule() -> None:
    hourly = read_settings(_env_file=None, bigquery_usd_per_tib=5)
    assert cost_usd(BYTES_PER_TIB, hourly) == 5
    assert monthly_cost_usd(BYTES_PER_TIB, hourly) == 3650
    daily = hourly.model_copy(update={"sync_cron": "0 0 * * *"})
    assert monthly_cost_usd(BYTES_PER_TIB, daily) == pytest.approx(5 * 365 / 12)

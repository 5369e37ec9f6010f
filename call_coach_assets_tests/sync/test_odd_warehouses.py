"""Warehouses that are legal and odd, synced: the tables are what the model says, whatever the source looks like."""

from __future__ import annotations

import pytest

from call_coach_assets.settings import Settings
from call_coach_assets_tests.oracle.judge import sync_all, verdict
from call_coach_assets_tests.sync import corners
from call_coach_assets_tests.warehouse import Warehouse


@pytest.mark.covers("P13", "P14", "P15", "P16", "E3", "E4", "E5", "E6", "E11", "E12", "O5", "O12", "O6")
def test_odd_rows_arrive_as_the_model_says_and_only_once(settings: Settings, warehouse: Warehouse) -> None:
    warehouse.create_all()
    corners.fill_talk(warehouse)
    corners.fill_deals(warehouse)
    sync_all(settings)
    assert verdict(settings, warehouse) == []
    assert {result.rows_synced for result in sync_all(settings).values()} == {0}


@pytest.mark.covers("P14", "P15", "P16", "O1")
def test_an_older_load_with_other_types_and_spellings_arrives_as_the_model_says(
    settings: Settings, warehouse: Warehouse
) -> None:
    corners.fill_older_load(warehouse)
    results = sync_all(settings, order=["calls", "opportunities", "speakers", "transcripts", "emails"])
    assert verdict(settings, warehouse) == []
    assert [name for name, result in results.items() if result.skipped] == ["emails"]


@pytest.mark.covers("O2", "O5", "E2", "O6")
def test_gongs_opportunities_stand_in_where_salesforce_is_absent(settings: Settings, warehouse: Warehouse) -> None:
    corners.fill_without_salesforce(warehouse)
    sync_all(settings, order=["calls", "opportunities", "emails", "call_opportunities"])
    assert verdict(settings, warehouse) == []

"""Warehouses that are legal and odd, synced: the tables are what the model says, whatever the source looks like."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from call_coach_assets.settings import Settings
from call_coach_assets_tests.oracle.judge import sync_all, verdict
from call_coach_assets_tests.sync import corners
from call_coach_assets_tests.warehouse import Warehouse


@pytest.mark.covers("P13", "P14", "P15", "P16", "E3", "E4", "E5", "E6", "E11", "E12", "O2", "O5", "O12", "O6")
@pytest.mark.parametrize(
    ("fill", "whole"),
    [
        (corners.fill_talk, True),
        (corners.fill_deals, True),
        (corners.fill_older_load, False),
        (corners.fill_without_salesforce, False),
    ],
)
def test_an_odd_warehouse_arrives_as_the_model_says(
    settings: Settings, warehouse: Warehouse, fill: Callable[[Warehouse], None], whole: bool
) -> None:
    if whole:
        warehouse.create_all()
    fill(warehouse)
    results = sync_all(settings)
    assert verdict(settings, warehouse) == []
    assert {result.rows_synced for result in sync_all(settings).values()} == {0}
    skipped = {name for name, result in results.items() if result.skipped}
    assert skipped == ({"emails"} if fill is corners.fill_older_load else set())

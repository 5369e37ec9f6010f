"""Brings the model and the real ends together: read a warehouse, sync it, compare what came of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import psycopg

from call_coach_assets.settings import Settings
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.result import SyncResult
from call_coach_assets.sync.session import sync_entity
from call_coach_assets_tests.oracle import differences, expected, observed
from call_coach_assets_tests.oracle.world import Pinned, Tables
from call_coach_assets_tests.warehouse import DATASETS, Warehouse

PARENTS_FIRST = ("calls", "opportunities", "speakers", "transcripts", "emails", "call_opportunities")


def source_tables(warehouse: Warehouse) -> Tables:
    """Every row of every table that the warehouse has, by logical name."""
    names = [
        f"{dataset}.{table.table_id}"
        for dataset, name in DATASETS.items()
        for table in warehouse.client.list_tables(f"{warehouse.project}.{name}")
    ]
    return {name: warehouse.rows(name) for name in names}


def sync_all(
    settings: Settings, *, run_id: str = "test", full_refresh: bool = False, order: Iterable[str] = PARENTS_FIRST
) -> dict[str, SyncResult]:
    """Sync the entities one after the other, in `order`."""
    entities = load_entities()
    return {name: sync_entity(entities[name], entities, settings, run_id, full_refresh=full_refresh) for name in order}


def verdict(
    settings: Settings, warehouse: Warehouse, *, pinned: Pinned | None = None, ignore: Collection[str] = ()
) -> list[str]:
    """What the application's tables hold that the source does not say, and the reverse; empty where they agree."""
    wanted = expected(source_tables(warehouse), settings.domains, pinned)
    with psycopg.connect(settings.database_url) as connection:
        return differences(wanted, observed(connection, settings.sync_schema), ignore=ignore)

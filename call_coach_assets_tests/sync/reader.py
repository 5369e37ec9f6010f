"""Reading an entity's rows as a sync reads them, without a target."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from call_coach_assets.settings import Settings, read_settings
from call_coach_assets.sync.adapt import adapt
from call_coach_assets.sync.bigquery import client_for, run_query
from call_coach_assets.sync.catalog import read_catalog
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.entity import ColumnType
from call_coach_assets_tests.warehouse import DATASETS, Warehouse

ENTITIES = load_entities(check_queries=False)
EVER = datetime(1, 1, 1, tzinfo=UTC)
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
AT = datetime(2025, 3, 1, 10, tzinfo=UTC)

Rows = dict[tuple[Any, ...], dict[str, Any]]
JSON_TYPES = {ColumnType.JSON, ColumnType.TEXT_ARRAY}


class Reader:
    """Reads entities from a warehouse; rows are by key, with their JSON parsed."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.settings: Settings = read_settings(
            _env_file=None,
            bigquery_emulator_host=warehouse.url,
            bigquery_project=warehouse.project,
            gong_dataset=DATASETS["gong"],
            salesforce_dataset=DATASETS["salesforce"],
        )
        self.client = client_for(self.settings)

    def read(self, name: str, since: datetime = EVER, column: str = "", keys: Sequence[str] = ()) -> Rows:
        entity = ENTITIES[name]
        query = adapt(entity, read_catalog(self.client, entity, self.settings), self.settings)
        parameters: dict[str, Any] = {"cursor": since, "company_domains": ("prefect.io", "prefect.com")}
        sql = query.by_key(column) if column else query.sql
        parameters |= {"keys": keys} if column else {}
        answer = run_query(self.client, sql, parameters, self.settings, what=f"reading {name}")
        rows = [row for batch in answer.batches for row in batch.to_pylist()]
        for row in rows:
            for parsed in ["_warnings", *(column.name for column in entity.columns if column.type in JSON_TYPES)]:
                row[parsed] = json.loads(row[parsed])
        by_key = {tuple(row[column] for column in entity.key): row for row in rows}
        assert len(by_key) == len(rows)
        return by_key


def part(row: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    """The columns of a row that are wanted, to compare with them."""
    return {name: row[name] for name in wanted}

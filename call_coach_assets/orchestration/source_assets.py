"""The BigQuery tables that the queries read, as external assets: the graph in the UI begins where the data does."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity, SourceTable

GROUP = "sources"


def source_key(table: SourceTable) -> dg.AssetKey:
    """The asset key of a source table: bigquery / connector / table."""
    return dg.AssetKey(["bigquery", table.dataset, table.table])


def source_assets(entities: Iterable[Entity], settings: Settings) -> list[dg.AssetSpec]:
    """One external asset for each table that any of `entities` reads, with all columns that they read of it."""
    tables: dict[str, list[SourceTable]] = {}
    for entity in entities:
        for table in entity.tables:
            tables.setdefault(table.name, []).append(table)
    return [_spec(same, settings) for _, same in sorted(tables.items())]


def _spec(same: list[SourceTable], settings: Settings) -> dg.AssetSpec:
    table = same[0]
    place = f"{settings.bigquery_project}.{settings.dataset(table.dataset)}.{table.table}"
    required = any(each.presence == "required" for each in same)
    columns = {name: type_ for each in same for name, type_ in each.columns.items()}
    return dg.AssetSpec(
        key=source_key(table),
        description=f"`{place}`, which Fivetran lands from {table.dataset.capitalize()}."
        + ("" if required else " It may be absent: what it feeds is NULL then."),
        group_name=GROUP,
        kinds={"bigquery"},
        tags={"presence": "required" if required else "optional"},
        metadata={
            "dagster/table_name": place,
            "dagster/column_schema": dg.TableSchema([dg.TableColumn(name, type_) for name, type_ in columns.items()]),
        },
    )

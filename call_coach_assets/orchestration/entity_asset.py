"""One entity as one Dagster asset: how it presents itself in the UI, and the step that syncs it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from call_coach_assets.orchestration.check_specs import check_specs
from call_coach_assets.orchestration.resources import SyncConfig, SyncSettings
from call_coach_assets.orchestration.source_assets import source_key
from call_coach_assets.sync.entity import Column, Entity, Reference

KINDS = {"bigquery", "dlt", "postgres"}
_TYPES = {
    "text": "varchar",
    "integer": "int",
    "decimal": "numeric",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "json": "jsonb",
    "text_array": "varchar[]",
}


def synced_asset(entity: Entity) -> dg.AssetsDefinition:
    """The asset of `entity`. Building it opens nothing; its step syncs the entity as `SyncSettings` says."""

    @dg.multi_asset(
        name=entity.name,
        specs=[asset_spec(entity)],
        check_specs=check_specs(entity),
        pool=pool_of(entity.name),
        op_tags={"call_coach/entity": entity.name},
    )
    def sync(context: dg.AssetExecutionContext, config: SyncConfig, sync_settings: SyncSettings) -> Iterator[Any]:
        from call_coach_assets.orchestration.step import run_step

        yield from run_step(context, entity, sync_settings.read(), full_refresh=config.full_refresh)

    return sync


def pool_of(entity: str) -> str:
    """The pool of which one run at a time may have a step: no entity is worked on by two runs at once."""
    return f"sync_{entity}"


def asset_spec(entity: Entity) -> dg.AssetSpec:
    """What the UI says of the entity before it was ever synced."""
    return dg.AssetSpec(
        key=entity.name,
        deps=[*entity.depends_on, *(source_key(table) for table in entity.tables)],
        description=entity.description,
        group_name=entity.group,
        owners=list(entity.owners),
        tags={**entity.tags, "reconcile": entity.reconcile},
        kinds=KINDS,
        code_version=entity.query_sha256[:12],
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=timedelta(minutes=entity.freshness.fail_minutes),
            warn_window=timedelta(minutes=entity.freshness.warn_minutes),
        ),
        metadata={
            "dagster/table_name": entity.name,
            "dagster/column_schema": declared_schema(entity),
            "query": dg.MetadataValue.md(f"```sql\n{entity.query.strip()}\n```"),
        },
    )


def declared_schema(entity: Entity) -> dg.TableSchema:
    """The target's columns as the entity declares them; a materialization tells what the table really has."""
    columns = [_column(entity.column(name)) for name in entity.target_columns]
    return dg.TableSchema(columns=[*columns, *(_reference(reference) for reference in entity.references)])


def _column(column: Column) -> dg.TableColumn:
    constraints = dg.TableColumnConstraints(nullable=not column.required)
    return dg.TableColumn(column.name, _TYPES[column.type], column.description, constraints)


def _reference(reference: Reference) -> dg.TableColumn:
    constraints = dg.TableColumnConstraints(nullable=not reference.required)
    return dg.TableColumn(reference.column, "uuid", reference.description, constraints)

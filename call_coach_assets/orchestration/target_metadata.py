"""What a materialization tells about the table itself: its columns as they are, and where each comes from."""

from __future__ import annotations

from typing import Any

import dagster as dg

from call_coach_assets.checks.target_columns import TargetColumn, target_columns
from call_coach_assets.orchestration.source_assets import source_key
from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.lineage import lineage
from call_coach_assets.sync.postgres import pool_for, transaction


def target_metadata(entity: Entity, settings: Settings) -> dict[str, Any]:
    """The schema of the entity's table in Postgres, and the lineage of its columns. Raises the TargetError family."""
    with transaction(pool_for(settings), f"reading the columns of {entity.name}") as connection:
        row = connection.execute("SELECT current_database(), current_schema()").fetchone()
        columns = target_columns(connection, entity)
    place = ".".join([*(str(part) for part in row or ()), entity.name])
    return {
        "dagster/table_name": place,
        "dagster/column_schema": dg.TableSchema(columns=[_column(column) for column in columns]),
        "dagster/column_lineage": column_lineage(entity),
    }


def column_lineage(entity: Entity) -> dg.TableColumnLineage:
    """From each column of the target to the BigQuery columns that its value is computed from."""
    sources = lineage(entity)
    targets: dict[str, tuple[str, ...]] = {name: (name,) for name in entity.target_columns}
    targets |= {reference.column: reference.by for reference in entity.references}
    return dg.TableColumnLineage(
        deps_by_column={
            target: [
                dg.TableColumnDep(asset_key=source_key(entity.table(table)), column_name=column)
                for name in names
                for table, column in sources.get(name, ())
            ]
            for target, names in targets.items()
        }
    )


def _column(column: TargetColumn) -> dg.TableColumn:
    constraints = dg.TableColumnConstraints(nullable=column.nullable, unique=column.unique)
    return dg.TableColumn(column.name, column.type, column.description, constraints)

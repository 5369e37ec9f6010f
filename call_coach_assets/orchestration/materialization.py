"""From what a sync did to the metadata of its materialization, and back.

The keys are the ones that the UI plots and that the terminal, alerts and metrics read back from the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster import MetadataValue

from call_coach_assets.checks.cost import cost_usd, monthly_cost_usd
from call_coach_assets.orchestration.summary import markdown
from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.result import SyncResult

SKIPPED = "skipped"
_COUNTS = {
    "rows_read": "read",
    "rows_inserted": "inserted",
    "rows_updated": "updated",
    "rows_unchanged": "unchanged",
    "rows_deleted": "deleted",
    "rows_waiting": "waiting",
    "rows_dead_lettered": "dead_lettered",
    "bytes_processed": "bytes_processed",
    "bytes_billed": "bytes_billed",
    "attempts": "attempts",
}
_SECONDS = {
    "duration_seconds": "duration_seconds",
    "extract_seconds": "extract_seconds",
    "land_seconds": "land_seconds",
    "publish_seconds": "publish_seconds",
}
_STAMPS = {
    "checkpoint_before": "checkpoint_before",
    "checkpoint_after": "checkpoint_after",
    "source_unchanged_since": "unchanged_since",
}


def metadata_of(result: SyncResult, entity: Entity, settings: Settings, now: datetime) -> dict[str, MetadataValue[Any]]:
    """The metadata that shows `result`: counts are rows, durations and lag are seconds, costs are US dollars."""
    values: dict[str, MetadataValue[Any]] = {"summary": MetadataValue.md(markdown(result, entity))}
    values |= {key: MetadataValue.int(getattr(result, name)) for key, name in _COUNTS.items()}
    values |= {key: MetadataValue.float(round(getattr(result, name), 3)) for key, name in _SECONDS.items()}
    values |= {
        "rows_synced": MetadataValue.int(result.rows_synced),
        "errors_count": MetadataValue.int(result.errors_count),
        "status": MetadataValue.text(result.status),
        "cost_usd": MetadataValue.float(cost_usd(result.bytes_billed, settings)),
        "cost_usd_per_month": MetadataValue.float(monthly_cost_usd(result.bytes_billed, settings)),
        "warnings": MetadataValue.json(list(result.warnings)),
    }
    stamps = {key: getattr(result, name) for key, name in _STAMPS.items()}
    values |= {key: MetadataValue.timestamp(stamp) for key, stamp in stamps.items() if stamp is not None}
    if result.checkpoint_after is not None:
        values["lag_seconds"] = MetadataValue.float(round((now - result.checkpoint_after).total_seconds(), 3))
    if result.load_id is not None:
        values["dlt_load_id"] = MetadataValue.text(result.load_id)
    if result.row_count is not None:
        values["dagster/row_count"] = MetadataValue.int(result.row_count)
    return values


def result_from(materialization: dg.AssetMaterialization | dg.AssetObservation, run_id: str) -> SyncResult:
    """The result that the metadata of a materialization, or of the observation of a skipped entity, was made from."""
    values: dict[str, Any] = {key: value.value for key, value in materialization.metadata.items()}
    entity = materialization.asset_key.path[-1]
    if SKIPPED in values:
        return SyncResult(entity=entity, run_id=run_id, skipped=str(values[SKIPPED]))
    told: dict[str, Any] = {name: values[key] for key, name in (_COUNTS | _SECONDS).items()}
    told |= {name: _stamp(values, key) for key, name in _STAMPS.items()}
    told |= {"load_id": values.get("dlt_load_id"), "row_count": values.get("dagster/row_count")}
    return SyncResult(entity=entity, run_id=run_id, warnings=tuple(values.get("warnings", ())), **told)


def _stamp(values: Mapping[str, Any], name: str) -> datetime | None:
    return datetime.fromtimestamp(values[name], UTC) if name in values else None

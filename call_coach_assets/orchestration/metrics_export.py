"""The figures of the last runs, taken from Dagster's history, for Prometheus."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterRunStatus
from dagster._core.storage.dagster_run import RunsFilter

from call_coach_assets.checks.verdict import MEANINGS
from call_coach_assets.orchestration.failures import failures_of_run
from call_coach_assets.orchestration.jobs import SYNC_ALL
from call_coach_assets.orchestration.materialization import result_from
from call_coach_assets.reporting.metrics import EntityMetrics, export
from call_coach_assets.settings import Settings

_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def export_metrics(instance: dg.DagsterInstance, entities: Collection[str], settings: Settings) -> None:
    """Write the figures of `entities` to wherever the settings want them; nothing is read where they want none."""
    if settings.metrics_textfile is None and settings.metrics_push_gateway is None:
        return
    failed = _failed(instance)
    export([_metrics(instance, entity, failed) for entity in entities], settings, datetime.now(UTC))


def _metrics(instance: dg.DagsterInstance, entity: str, failed: Mapping[str, object]) -> EntityMetrics:
    record = instance.get_latest_materialization_event(dg.AssetKey(entity))
    known = record.asset_materialization if record else None
    result = result_from(known, record.run_id) if record and known else None
    return EntityMetrics(
        entity=entity,
        rows_synced=result.rows_synced if result else 0,
        errors_count=result.errors_count if result else 0,
        duration_seconds=result.duration_seconds if result else None,
        checkpoint=result.checkpoint_after if result else None,
        finished_at=datetime.fromtimestamp(record.timestamp, UTC) if record else None,
        failed=entity in failed if record or entity in failed else None,
        checks=_verdicts(instance, entity),
    )


def _failed(instance: dg.DagsterInstance) -> Mapping[str, object]:
    """What failed in the last sync that has ended."""
    records = instance.get_run_records(filters=RunsFilter(job_name=SYNC_ALL, statuses=_ENDED), limit=1)
    return failures_of_run(instance, records[0].dagster_run.run_id) if records else {}


def _verdicts(instance: dg.DagsterInstance, entity: str) -> dict[str, bool]:
    keys = [dg.AssetCheckKey(dg.AssetKey(entity), name) for name in MEANINGS]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    evaluations = {key.name: record.evaluation for key, record in records.items()}
    return {name: evaluation.passed for name, evaluation in evaluations.items() if evaluation is not None}

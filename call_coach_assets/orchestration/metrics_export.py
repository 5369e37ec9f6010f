"""The figures of the last runs, taken from Dagster's history, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import dagster as dg

from call_coach_assets.orchestration.standings import Standing, standings
from call_coach_assets.reporting.metrics import EntityMetrics, export
from call_coach_assets.settings import Settings


def export_metrics(instance: dg.DagsterInstance, entities: Sequence[str], settings: Settings) -> None:
    """Write the figures of `entities` to wherever the settings want them."""
    export_standings(standings(instance, entities), settings)


def export_standings(known: Iterable[Standing], settings: Settings) -> None:
    """The same, of what was read from the history already."""
    export([_metrics(standing) for standing in known], settings, datetime.now(UTC))


def _metrics(standing: Standing) -> EntityMetrics:
    result = standing.result
    known = result is not None or standing.failure is not None
    return EntityMetrics(
        entity=standing.entity,
        rows_synced=result.rows_synced if result else 0,
        errors_count=result.errors_count if result else 0,
        duration_seconds=result.duration_seconds if result else None,
        checkpoint=result.checkpoint_after if result else None,
        finished_at=standing.synced_at,
        failed=standing.failure is not None if known else None,
        checks={name: evaluation.passed for name, evaluation in standing.checks.items()},
    )

"""The checks of an entity in the run that synced it: both ends are measured once, and every check judges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import dagster as dg

from call_coach_assets.checks.evidence import Evidence
from call_coach_assets.checks.gone_parents import gone_parents
from call_coach_assets.checks.source_measure import SourceMeasure, measure_source
from call_coach_assets.checks.target_measure import measure_target
from call_coach_assets.checks.verdict import MEANINGS, CheckName, Figure, Verdict
from call_coach_assets.checks.verdicts import verdicts
from call_coach_assets.errors import CallCoachError
from call_coach_assets.orchestration.materialization import result_from
from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.postgres import pool_for, transaction
from call_coach_assets.sync.result import SyncResult

RUNS_AVERAGED = 24
T = TypeVar("T")


def check_results(
    instance: dg.DagsterInstance,
    entity: Entity,
    entities: Mapping[str, Entity],
    settings: Settings,
    *,
    result: SyncResult,
    now: datetime,
) -> tuple[SyncResult, list[dg.AssetCheckResult]]:
    """Judge `entity` after the publish that `result` tells of. Raises nothing for a source that cannot be reached.

    Returns the result too, with the target's rows, and with what counting the source's rows has billed.
    """
    database = pool_for(settings)
    with transaction(database, f"checking {entity.name}") as connection:
        target = measure_target(connection, entity, entities, settings.sync_schema)
        gone = gone_parents(connection, entity, entities, settings.sync_schema)
    result, cutoff = replace(result, row_count=target.rows), result.checkpoint_after
    source = _or_error(lambda: measure_source(entity, settings, cutoff, gone, publishable=False, answers=database))
    if isinstance(source, SourceMeasure):
        result = replace(result, bytes_billed=result.bytes_billed + source.bytes_billed)
    evidence = Evidence(
        entity=entity,
        settings=settings,
        result=result,
        source_end=source,
        target_end=target,
        now=now,
        before=_figures_before(instance, entity),
        bytes_billed=_bytes_billed(instance, result),
        others_usd_per_month=_usd_per_month(instance, entities.keys() - {entity.name}),
    )
    return result, [_result(entity, verdict) for verdict in verdicts(evidence)]


def skipped_check_results(entity: Entity, reason: str) -> Iterator[dg.AssetCheckResult]:
    """What the checks of a skipped entity say: there is nothing to check."""
    for name in MEANINGS:
        yield dg.AssetCheckResult(
            passed=True, asset_key=entity.name, check_name=name.value, description=f"Nothing to check: {reason}"
        )


def _or_error(measure: Callable[[], T]) -> T | CallCoachError:
    try:
        return measure()
    except CallCoachError as error:
        return error


def _result(entity: Entity, verdict: Verdict) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=verdict.passed,
        asset_key=entity.name,
        check_name=verdict.check.value,
        severity=dg.AssetCheckSeverity.ERROR if verdict.severe else dg.AssetCheckSeverity.WARN,
        description=verdict.says,
        metadata=dict(verdict.figures),
    )


def _figures_before(instance: dg.DagsterInstance, entity: Entity) -> dict[str, dict[str, Figure]]:
    """The figures of the last evaluation of each check, by check."""
    keys = [dg.AssetCheckKey(dg.AssetKey(entity.name), name.value) for name in MEANINGS]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return {key.name: _figures(record.event) for key, record in records.items()}


def _figures(entry: dg.EventLogEntry | None) -> dict[str, Figure]:
    event = entry.dagster_event if entry else None
    if event is None or event.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        return {}
    values = {label: value.value for label, value in event.asset_check_evaluation_data.metadata.items()}
    return {label: value for label, value in values.items() if isinstance(value, int | float | str)}


def _bytes_billed(instance: dg.DagsterInstance, result: SyncResult) -> tuple[int, ...]:
    """What the last runs of the entity billed, this one first."""
    records = instance.fetch_materializations(dg.AssetKey(result.entity), limit=RUNS_AVERAGED).records
    results = [result_from(one, "") for record in records if (one := record.asset_materialization)]
    return (result.bytes_billed, *(one.bytes_billed for one in results))


def _usd_per_month(instance: dg.DagsterInstance, others: Iterable[str]) -> dict[str, float]:
    """What the last cost check of each other entity said that it costs."""
    keys = [dg.AssetCheckKey(dg.AssetKey(name), CheckName.COST.value) for name in others]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    figures = {key.asset_key.to_user_string(): _figures(record.event) for key, record in records.items()}
    known = {name: told.get("usd_per_month") for name, told in figures.items()}
    return {name: usd for name, usd in known.items() if isinstance(usd, float)}

"""What one step of a run does: land the entity through dlt, publish it, and tell Dagster.

Imported when a step runs, never when definitions load: the clients of both ends cost as much as Dagster itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

from call_coach_assets.orchestration.check_results import check_results, skipped_check_results
from call_coach_assets.orchestration.failures import failure_of
from call_coach_assets.orchestration.materialization import SKIPPED, metadata_of
from call_coach_assets.orchestration.target_metadata import target_metadata
from call_coach_assets.settings import Settings
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.entity_sync import EntitySync
from call_coach_assets.sync.result import SyncResult
from call_coach_assets.sync.session import sync_entity

StepEvent = dg.MaterializeResult[None] | dg.Output[None] | dg.AssetObservation | dg.AssetCheckResult


def run_step(
    context: dg.AssetExecutionContext, entity: Entity, settings: Settings, *, full_refresh: bool
) -> Iterator[StepEvent]:
    """Sync `entity`; yields its materialization with its checks, or what stands for a skipped one.

    A failure lets the entity's children run all the same, and then fails the step, with the error's remedy.
    """
    try:
        events = list(_sync(context, entity, settings, full_refresh))
    except Exception as error:
        yield _children_may_run(entity)
        raise failure_of(error, settings) from None
    yield from events


def _sync(
    context: dg.AssetExecutionContext, entity: Entity, settings: Settings, full_refresh: bool
) -> Iterator[StepEvent]:
    entities = load_entities(check_queries=False)
    result = sync_entity(
        entity,
        entities,
        settings,
        context.run.run_id,
        full_refresh=full_refresh,
        land=lambda sync: _land(context, sync),
    )
    if result.skipped:
        yield from _skipped(context, entity, result.skipped)
    else:
        yield _materialized(context, entity, entities, settings, result)


def _land(context: dg.AssetExecutionContext, sync: EntitySync) -> None:
    """Only a step that has something to land pays for dlt."""
    from call_coach_assets.orchestration.landing import land

    land(context, sync)


def _materialized(
    context: dg.AssetExecutionContext,
    entity: Entity,
    entities: Mapping[str, Entity],
    settings: Settings,
    result: SyncResult,
) -> dg.MaterializeResult[None]:
    now = datetime.now(UTC)
    for warning in result.warnings:
        context.log.warning(warning)
    result, checks = check_results(context.instance, entity, entities, settings, result=result, now=now)
    return dg.MaterializeResult(
        asset_key=entity.name,
        metadata={**metadata_of(result, entity, settings, now), **target_metadata(entity, settings)},
        check_results=checks,
    )


def _skipped(context: dg.AssetExecutionContext, entity: Entity, reason: str) -> Iterator[StepEvent]:
    """Say why nothing was synced, without pretending that the table was materialized."""
    context.log.warning(f"{entity.name} is skipped: {reason}")
    yield dg.AssetObservation(asset_key=entity.name, description=reason, metadata={SKIPPED: reason})
    yield _children_may_run(entity)
    yield from skipped_check_results(entity, reason)


def _children_may_run(entity: Entity) -> dg.Output[None]:
    """The step's output without a materialization: what waits for this entity starts, and nothing claims to be new.

    By this key Dagster knows the outputs of steps that report their asset themselves.
    """
    return dg.Output(None, output_name=entity.name, metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True})

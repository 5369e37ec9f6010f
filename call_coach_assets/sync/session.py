"""One sync of one entity, from the lock to the figures: what the terminal and Dagster both run.

    lock ─▶ look at the live source ─▶ land (dlt) ─▶ publish (one transaction) ─▶ SyncResult

An attempt that meets a transient error is made again from the start, with new connections to both ends; what was landed
before stays landed, and the cursor never passes it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from call_coach_assets.errors import CallCoachError
from call_coach_assets.settings import Settings
from call_coach_assets.sync.adapt import adapt
from call_coach_assets.sync.ahead import part_rows
from call_coach_assets.sync.bigquery import client_for
from call_coach_assets.sync.bookkeeping import ensure, read_refetch
from call_coach_assets.sync.catalog import read_catalog
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.entity_sync import EntitySync
from call_coach_assets.sync.evolution import evolve
from call_coach_assets.sync.extract import Extraction
from call_coach_assets.sync.inbox import is_prepared, prepare_inbox
from call_coach_assets.sync.land import Reading, open_pipeline
from call_coach_assets.sync.land_errors import translating
from call_coach_assets.sync.locks import entity_lock
from call_coach_assets.sync.outcome import log_result, record_failure
from call_coach_assets.sync.postgres import pool_for
from call_coach_assets.sync.result import SyncResult
from call_coach_assets.sync.retry import attempts
from call_coach_assets.sync.source_answers import last_write, reading, recall

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

    from call_coach_assets.sync.adapt import AdaptedQuery

logger = logging.getLogger(__name__)


def sync_entity(
    entity: Entity,
    entities: Mapping[str, Entity],
    settings: Settings,
    run_id: str,
    *,
    full_refresh: bool = False,
    land: Callable[[EntitySync], None] = EntitySync.land,
) -> SyncResult:
    """Sync one entity; `entities` are all that there are. A full refresh reads everything again and deletes nothing.

    `land` runs `sync.pipeline` on `sync.source`, for who wants to run it in a way of its own. Transient errors are
    tried again; what is left is written to `sync_status` and raised: the CallCoachError that says what to do.
    """
    started = time.monotonic()
    try:
        for attempt in attempts(settings, entity.name):
            with attempt, entity_sync(entity, entities, settings, run_id, full_refresh=full_refresh) as sync:
                result = _sync(sync, land)
                tried = attempt.retry_state.attempt_number
    except CallCoachError as error:
        record_failure(entity, settings, error)
        raise
    result = replace(result, attempts=tried, duration_seconds=time.monotonic() - started)
    log_result(result)
    return result


def _sync(sync: EntitySync, land: Callable[[EntitySync], None]) -> SyncResult:
    if sync.skipped:
        return SyncResult(entity=sync.entity.name, run_id=sync.run_id, skipped=sync.skipped)
    return sync.publish(sync.land_all(land))


@contextmanager
def entity_sync(
    entity: Entity,
    entities: Mapping[str, Entity],
    settings: Settings,
    run_id: str,
    *,
    full_refresh: bool = False,
) -> Iterator[EntitySync]:
    """One attempt: holds the entity's lock for the length of a `with`, and everything that it opens.

    Whatever dlt raises within comes out as the CallCoachError that it means.
    """
    logger.info("%s: sync starts, run %s", entity.name, run_id)
    sync = EntitySync(entity, entities, settings, run_id)
    with ExitStack() as opened:
        ensure(pool_for(settings), entities, settings.sync_schema)
        opened.enter_context(entity_lock(settings, entity.name, run_id))
        client = opened.enter_context(closing(client_for(settings)))
        tables = read_catalog(client, entity, settings)
        query = adapt(entity, tables, settings)
        sync.skipped = query.skipped_reason
        opened.enter_context(translating(entity.name))
        if not sync.skipped:
            sync.extraction = _extraction(sync, client, query, full_refresh=full_refresh)
            sync.reading = Reading(sync.extraction.batches, key=entity.key)
            sync.question = reading(entity, query, tables, settings)
            if _is_known(sync):
                sync.unchanged_since = last_write(tables)
            else:
                _open_inbox(sync, opened)
        yield sync


def _extraction(sync: EntitySync, client: Client, query: AdaptedQuery, *, full_refresh: bool) -> Extraction:
    """What there is to read: what changed, and what earlier syncs asked for, or everything."""
    database, entity, settings = pool_for(sync.settings), sync.entity, sync.settings
    refetch = read_refetch(database, entity.name, settings.sync_schema)
    sync.evolution = evolve(database, entity, query, settings)
    everything = full_refresh or bool(sync.evolution.refill)
    return Extraction(entity, settings, client, query, sync.run_id, refetch, everything, sync.evolution.types)


def _is_known(sync: EntitySync) -> bool:
    """Whether all that there is to read was read, and published, from these very tables."""
    database, schema = pool_for(sync.settings), sync.settings.sync_schema
    if sync.extraction.full_refresh or sync.extraction.refetch or recall(database, sync.question, schema) is None:
        return False
    return is_prepared(database, sync.entity, schema)  # else `prepare_inbox` looks, and mends it


def _open_inbox(sync: EntitySync, opened: ExitStack) -> None:
    """The pipeline that reads into the inbox, and the inbox itself."""
    database, entity, settings = pool_for(sync.settings), sync.entity, sync.settings
    sync.pipeline = opened.enter_context(open_pipeline(entity, settings))
    prepare_inbox(database, entity, settings, sync.pipeline, sync.source)
    sync.reading.part_rows = part_rows(database, entity, sync.entities, settings)

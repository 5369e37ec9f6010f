"""One sync of one entity, from the lock to the figures: what the terminal and Dagster both run.

    lock ─▶ look at the live source ─▶ land (dlt) ─▶ publish (one transaction) ─▶ SyncResult

An attempt that meets a transient error is made again from the start, with new connections to both ends; what was landed
before stays landed, and the cursor never passes it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from call_coach_assets.errors import CallCoachError
from call_coach_assets.settings import Settings
from call_coach_assets.sync import land_errors
from call_coach_assets.sync.adapt import adapt
from call_coach_assets.sync.ahead import Ahead, land_all, part_rows
from call_coach_assets.sync.bigquery import client_for
from call_coach_assets.sync.bookkeeping import ensure, read_refetch
from call_coach_assets.sync.catalog import read_catalog
from call_coach_assets.sync.drained import Drained
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.evolution import Evolution, evolve
from call_coach_assets.sync.extract import Extraction
from call_coach_assets.sync.inbox import prepare_inbox
from call_coach_assets.sync.land import Reading, open_pipeline, source_for
from call_coach_assets.sync.locks import entity_lock
from call_coach_assets.sync.outcome import log_result, record_failure
from call_coach_assets.sync.postgres import pool_for
from call_coach_assets.sync.publish import RunInfo, publish
from call_coach_assets.sync.result import SyncResult
from call_coach_assets.sync.retry import attempts

if TYPE_CHECKING:
    import dlt
    from dlt.extract.source import DltSource

logger = logging.getLogger(__name__)


@dataclass
class EntitySync:
    """A sync under way. Where `skipped` says why there is nothing to do, there is no pipeline and no publish."""

    entity: Entity
    entities: Mapping[str, Entity]
    settings: Settings
    run_id: str
    skipped: str | None = None
    started: float = field(default_factory=time.monotonic)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    landed_at: float | None = None

    evolution: Evolution = field(init=False)
    extraction: Extraction = field(init=False)
    reading: Reading = field(init=False)
    pipeline: dlt.Pipeline = field(init=False)

    @property
    def source(self) -> DltSource:
        """The source of the next part: all that changed, where that is not much."""
        return source_for(self.entity, self.settings, self.reading)

    def land(self) -> None:
        """Run the pipeline: read what changed, or the next part of it, and land it in the inbox."""
        self.pipeline.run(self.source)

    def land_all(self, land: Callable[[EntitySync], None]) -> list[Drained]:
        """Land one part after the other, and publish all but the last meanwhile."""
        ahead = Ahead(pool_for(self.settings), self.entity, self.entities, self.settings, self._run_info())
        return land_all(self.pipeline, self.reading, lambda: land(self), ahead)

    def publish(self, ahead: Sequence[Drained] = ()) -> SyncResult:
        """Bring the application's table in line with what was landed, and say what the whole sync did."""
        landed = time.monotonic()
        load_ids = tuple(self.pipeline.list_completed_load_packages())
        reading = self.extraction
        run = replace(
            self._run_info(),
            load_ids=load_ids,
            refetched=tuple(reading.refetch),
            refilled=self.evolution.refill,
            bytes_processed=reading.bytes_processed,
            bytes_billed=reading.bytes_billed,
            settled=self.reading.settled,
        )
        done = publish(pool_for(self.settings), self.entity, self.entities, self.settings, run, ahead=ahead)
        return SyncResult(
            entity=self.entity.name,
            run_id=self.run_id,
            load_id=load_ids[-1] if load_ids else None,
            read=reading.rows,
            bytes_processed=reading.bytes_processed,
            bytes_billed=reading.bytes_billed,
            extract_seconds=reading.seconds,
            land_seconds=max(0.0, landed - self.started - reading.seconds),
            duration_seconds=time.monotonic() - self.started,
            schema_changes=self.evolution.warnings,
            **{**asdict(done), "warnings": (*self.evolution.warnings, *reading.warnings, *done.warnings)},
        )

    def _run_info(self) -> RunInfo:
        """What is known of the run before it has read anything."""
        return RunInfo(
            run_id=self.run_id,
            query_sha256=self.entity.query_sha256,
            query=self.entity.query,
            unfed_columns=frozenset(self.extraction.query.unfed_columns),
            started_at=self.started_at,
        )


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
        database = pool_for(settings)
        ensure(database, entities, settings.sync_schema)
        opened.enter_context(entity_lock(settings, entity.name, run_id))
        client = opened.enter_context(closing(client_for(settings)))
        query = adapt(entity, read_catalog(client, entity, settings), settings)
        sync.skipped = query.skipped_reason
        opened.enter_context(_translating(entity))
        if not sync.skipped:
            refetch = read_refetch(database, entity.name, settings.sync_schema)
            sync.evolution = evolve(database, entity, query, settings)
            everything = full_refresh or bool(sync.evolution.refill)
            types = sync.evolution.types
            sync.extraction = Extraction(entity, settings, client, query, run_id, refetch, everything, types)
            sync.pipeline = opened.enter_context(open_pipeline(entity, settings))
            sync.reading = Reading(sync.extraction.batches, key=entity.key)
            prepare_inbox(database, entity, settings, sync.pipeline, sync.source)
            sync.reading.part_rows = part_rows(database, entity, entities, settings)
        yield sync


@contextmanager
def _translating(entity: Entity) -> Iterator[None]:
    try:
        yield
    except CallCoachError:
        raise
    except Exception as error:
        meant = land_errors.translate(error, entity.name)
        if meant is None:
            raise
        raise meant from error

"""The publish: one transaction that drains an entity's inbox into the application's table.

The stages, in their order: newest version of each key, parents and verdicts (`candidates`); target rows
(`matching`); deletions (`deletes`, `scopes`, `tombstones`); updates and inserts (`write`); optional references
(`links`); dead letters; lineage; `sync_status`; and what is consumed leaves the inbox. All of it, or nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from psycopg_pool import ConnectionPool

from call_coach_assets.settings import Settings
from call_coach_assets.sync import dead_letters, links, scopes, sync_status, tombstones, waiting, write
from call_coach_assets.sync.candidates import stage
from call_coach_assets.sync.deletes import delete_doomed, doom_flagged, open_doomed
from call_coach_assets.sync.drained import Drained, total
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.matching import match
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection, Pool, transaction
from call_coach_assets.sync.publication import Publication, RunInfo, Slice
from call_coach_assets.sync.quarantine import open_quarantine
from call_coach_assets.sync.row_warnings import summarise
from call_coach_assets.sync.run_record import begin, note
from call_coach_assets.sync.slices import in_turn, slices_of
from call_coach_assets.sync.source_answers import remember
from call_coach_assets.sync.versions import landed_loads

__all__ = ["Published", "RunInfo", "publish", "publish_slice"]

_REFETCHED = """
DELETE FROM {refetch} r USING unnest(%(columns)s::text[], %(keys)s::text[], %(since)s::timestamptz[]) AS done (c, k, s)
WHERE r.entity = %(entity)s AND r.column_name = done.c AND md5(r.key) = md5(done.k) AND r.since <= done.s
"""
_REFILLED = "UPDATE {source_columns} SET filled_at = now() WHERE entity = %(entity)s AND name = ANY (%(names)s)"


@dataclass(frozen=True, kw_only=True)
class Published:
    """What a publish did; each field is that of SyncResult with the same name."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    waiting: int = 0
    dead_lettered: int = 0
    checkpoint_before: datetime | None = None
    checkpoint_after: datetime | None = None
    publish_seconds: float = 0.0
    warnings: tuple[str, ...] = ()


def publish(
    database: Pool | Connection,
    entity: Entity,
    entities: Mapping[str, Entity],
    settings: Settings,
    run: RunInfo,
    *,
    ahead: Sequence[Drained] = (),
) -> Published:
    """Publish what is in the inbox of `entity`; `entities` are all that the sync owns.

    `ahead` is what `publish_slice` did before. The sync's tables must be there (`bookkeeping.ensure`). Raises the
    TargetError family, and then nothing has changed, but for the slices of a backfill that were published before.
    """
    started = time.monotonic()
    left = not ahead or any(done.waiting for done in ahead)  # else a look for more slices would find nothing
    parts = slices_of(database, entity, entities, settings) if left and isinstance(database, ConnectionPool) else []
    sliced = in_turn(lambda part: publish_slice(database, entity, entities, settings, run, part=part), parts)
    with transaction(database, f"publishing {entity.name}") as connection:
        work = begin(connection, entity, entities, Names(settings.sync_schema), run)
        done = total([*ahead, *sliced, _drain(work) if work.target.inbox else Drained()])
        finished = _finish(work, replace(done, updated=done.updated + links.link(work)))
        _take_off_the_list(work)
        return replace(finished, publish_seconds=time.monotonic() - started)


def publish_slice(
    database: Pool | Connection,
    entity: Entity,
    entities: Mapping[str, Entity],
    settings: Settings,
    run: RunInfo,
    *,
    part: Slice,
) -> Drained:
    """Publish a part of the inbox by itself; `sync_status` is left to the `publish` that follows."""
    with transaction(database, f"publishing {entity.name}") as connection:
        work = begin(connection, entity, entities, Names(settings.sync_schema), run, part=part)
        done = _drain(work)
        note(work, done.loads, done.counts())
        return done


def _drain(work: Publication) -> Drained:
    """Publish what the transaction looks at of the inbox, and take it out; what waits stays."""
    loads = landed_loads(work)
    if not loads:
        waiting.give_back(work)
        return Drained()
    open_quarantine(work)
    work, count = stage(work, loads)
    done = replace(_apply(work, count) if count else Drained(), loads=tuple(loads))
    if count:
        dead_letters.record(work)
        done = replace(done, warnings=summarise(work), newest=sync_status.newest_published(work))
    return replace(done, waiting=waiting.consume(work))


def _apply(work: Publication, count: int) -> Drained:
    """Bring the target in line with the candidates."""
    open_doomed(work)
    write.open_changed(work)
    match(work)
    doom_flagged(work)
    scopes.doom_absent(work)
    deleted, marked = delete_doomed(work)
    tombstones.bury_absent(work)
    tombstones.sever_dropped(work)
    updated = write.update(work, count)
    inserted = write.insert(work, count)
    unchanged = write.count_unchanged(work)
    links.remember(work)
    write.record_lineage(work)
    tombstones.lift(work)
    return Drained(inserted=inserted, updated=updated + marked, unchanged=unchanged, deleted=deleted)


def _finish(work: Publication, done: Drained) -> Published:
    """Count what is left, and write `sync_status` and the run's row."""
    letters = int(work.value("SELECT count(*) FROM {dead_letters} WHERE entity = %(entity)s"))
    before, after = sync_status.advance(work, done.newest)
    errors = done.waiting + letters
    figures = {
        "checkpoint": after,
        "status": "partial" if errors else "success",
        "items": done.inserted + done.updated + done.deleted,
        "errors": errors,
    }
    sync_status.record(work, figures, waiting=done.waiting > 0)
    billed = {"bytes_processed": work.run.bytes_processed, "bytes_billed": work.run.bytes_billed}
    note(work, done.loads, {**done.counts(), "dead_lettered": letters, **billed})
    return Published(
        **done.counts(),
        dead_lettered=letters,
        checkpoint_before=before,
        checkpoint_after=after,
        warnings=tuple(map(str, done.warnings)),
    )


def _take_off_the_list(work: Publication) -> None:
    """What was read again, by key or for its columns, is published, unless a key was asked for once more since.

    The same question need not be asked again of the same tables.
    """
    remember(work.connection, work.run.answered, work.names.schema, {})
    if work.run.refilled:
        work.execute(_REFILLED, {"names": list(work.run.refilled)})
    done = work.run.refetched
    if done:
        work.execute(
            _REFETCHED,
            {"columns": [d.column for d in done], "keys": [d.key for d in done], "since": [d.since for d in done]},
        )

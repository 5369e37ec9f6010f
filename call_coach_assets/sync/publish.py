"""The publish: one transaction that drains an entity's inbox into the application's table.

The stages, in their order: newest version of each key, parents and verdicts (`candidates`); target rows
(`matching`); deletions (`deletes`, `scopes`, `tombstones`); updates and inserts (`write`); optional references
(`links`); dead letters; lineage; `sync_status`; and what is consumed leaves the inbox. All of it, or nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from psycopg import sql
from psycopg.types.json import Jsonb

from call_coach_assets.settings import Settings
from call_coach_assets.sync import dead_letters, links, scopes, sync_status, tombstones, waiting, write
from call_coach_assets.sync.candidates import landed_loads, stage
from call_coach_assets.sync.deletes import delete_doomed, doom_flagged, open_doomed
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.foreign_keys import read_foreign_keys
from call_coach_assets.sync.matching import match
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection, Pool, transaction
from call_coach_assets.sync.publication import Publication, RunInfo
from call_coach_assets.sync.quarantine import open_quarantine
from call_coach_assets.sync.row_warnings import summarise
from call_coach_assets.sync.target import read_target

__all__ = ["Published", "RunInfo", "publish"]

_BEGIN = """
INSERT INTO {sync_runs} (entity, run_id, dlt_load_ids, query_sha256, started_at)
VALUES (%s, %s, %s, %s, %s) RETURNING load
"""
_QUERY = "INSERT INTO {queries} (sha256, entity, text) VALUES (%s, %s, %s) ON CONFLICT (sha256) DO NOTHING"
_END = """
UPDATE {sync_runs} SET finished_at = clock_timestamp(), dlt_load_ids = %(loads)s, counts = %(counts)s
WHERE load = %(load)s
"""
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
    row_count: int = 0
    checkpoint_before: datetime | None = None
    checkpoint_after: datetime | None = None
    publish_seconds: float = 0.0
    warnings: tuple[str, ...] = ()


def publish(
    database: Pool | Connection, entity: Entity, entities: Mapping[str, Entity], settings: Settings, run: RunInfo
) -> Published:
    """Publish what is in the inbox of `entity`; `entities` are all that the sync owns.

    The sync's tables must be there (`bookkeeping.ensure`). Raises the TargetError family, and then nothing has changed.
    """
    started = time.monotonic()
    with transaction(database, f"publishing {entity.name}") as connection:
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        work = begin(connection, entity, entities, Names(settings.sync_schema), run)
        done = _drain(work) if work.target.inbox else _without_inbox(work)
        _take_off_the_list(work)
        return replace(done, publish_seconds=time.monotonic() - started)


def begin(
    connection: Connection, entity: Entity, entities: Mapping[str, Entity], names: Names, run: RunInfo
) -> Publication:
    """Lock the inbox against a second publish and note the run; return what the stages work on."""
    target = read_target(connection, entity, names)
    if target.inbox:
        connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(names.inbox(entity.name)))
    started = [entity.name, run.run_id, list(run.load_ids), run.query_sha256, run.started_at]
    row = connection.execute(sql.SQL(_BEGIN).format(**names.parts()), started).fetchone()
    if run.query:
        connection.execute(sql.SQL(_QUERY).format(**names.parts()), [run.query_sha256, entity.name, run.query])
    return Publication(
        connection=connection,
        entity=entity,
        entities=entities,
        names=names,
        target=target,
        foreign_keys=read_foreign_keys(connection, entities),
        run=run,
        load=int(row[0]) if row else 0,
    )


def _drain(work: Publication) -> Published:
    loads = landed_loads(work)
    open_quarantine(work)
    count = stage(work, loads)
    done = _apply(work, count) if count else Published()
    done = replace(done, updated=done.updated + links.link(work))
    if count:
        dead_letters.record(work)
        done = replace(done, warnings=summarise(work))
    before, after = sync_status.advance(work, inbox=True)
    done = replace(done, waiting=waiting.consume(work), checkpoint_before=before, checkpoint_after=after)
    return _finish(work, done, loads)


def _without_inbox(work: Publication) -> Published:
    """Nothing was ever landed; rows that wait for a link may still get it."""
    before, after = sync_status.advance(work, inbox=False)
    done = Published(updated=links.link(work), checkpoint_before=before, checkpoint_after=after)
    return _finish(work, done, [])


def _apply(work: Publication, count: int) -> Published:
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
    return Published(inserted=inserted, updated=updated + marked, unchanged=unchanged, deleted=deleted)


def _finish(work: Publication, done: Published, loads: list[str]) -> Published:
    """Count what is left, and write `sync_status` and the run's row."""
    letters = int(work.value("SELECT count(*) FROM {dead_letters} WHERE entity = %(entity)s"))
    rows = int(work.value("SELECT count(*) FROM {target}"))
    done = replace(done, dead_lettered=letters, row_count=rows)
    errors = done.waiting + done.dead_lettered
    figures = {
        "checkpoint": done.checkpoint_after,
        "status": "partial" if errors else "success",
        "items": done.inserted + done.updated + done.deleted,
        "errors": errors,
    }
    sync_status.record(work, figures, waiting=done.waiting > 0)
    counts = {name: value for name, value in asdict(done).items() if isinstance(value, int)}
    counts |= {"bytes_processed": work.run.bytes_processed, "bytes_billed": work.run.bytes_billed}
    work.execute(_END, {"loads": sorted({*loads, *work.run.load_ids}), "counts": Jsonb(counts)})
    return done


def _take_off_the_list(work: Publication) -> None:
    """What was read again, by key or for its columns, is published, unless a key was asked for once more since."""
    if work.run.refilled:
        work.execute(_REFILLED, {"names": list(work.run.refilled)})
    done = work.run.refetched
    if done:
        work.execute(
            _REFETCHED,
            {"columns": [d.column for d in done], "keys": [d.key for d in done], "since": [d.since for d in done]},
        )

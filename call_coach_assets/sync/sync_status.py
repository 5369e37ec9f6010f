"""`sync_status`, which the application reads: checkpoint, status and errors of each entity."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection, connect, pool_for, transaction
from call_coach_assets.sync.publication import Publication

NEVER = sql.SQL("'1970-01-01 00:00+00'::timestamptz")  # the column is NOT NULL, and nothing is published yet
MOST_DETAILS = 100

_BEFORE = """
SELECT last_sync_timestamp FROM sync_status
WHERE entity_type = %(entity)s AND coalesce(last_sync_status, 'never') <> 'never' AND last_sync_timestamp > {never}
"""
_CHECKPOINTS = """
SELECT entity_type,
       CASE WHEN coalesce(last_sync_status, 'never') <> 'never' THEN nullif(last_sync_timestamp, {never}) END
FROM sync_status ORDER BY entity_type
"""
_LAST_ITEMS = """
SELECT entity_type, coalesce(items_synced, 0) FROM sync_status
WHERE coalesce(last_sync_status, 'never') NOT IN ('never', 'failed')
"""
_NEWEST = """
SELECT max(s._cursor) FROM {staged} s LEFT JOIN {refused} f ON f._n = s._n AND f.waits
WHERE s._verdict <> 'wait' AND f._n IS NULL
"""
_DETAILS = """
SELECT coalesce(jsonb_agg(jsonb_build_object('key', key, 'reason', reason, 'since', since)), '[]')
FROM (
    SELECT key, reason, since FROM {dead_letters} WHERE entity = %(entity)s {waiting}
    ORDER BY since DESC, key LIMIT {most}
) newest
"""
_PARKED = """
UNION ALL
SELECT w._key, w.reason, to_timestamp(i._dlt_load_id::double precision)
FROM {parked} w JOIN {inbox} i ON i.ctid = w._tid
"""
_UPSERT = """
INSERT INTO sync_status (
    entity_type, last_sync_timestamp, last_sync_status, items_synced, errors_count, error_details, updated_at
)
VALUES (%(entity)s, coalesce(%(checkpoint)s, {never}), %(status)s, %(items)s, %(errors)s, %(details)s, now())
ON CONFLICT (entity_type) DO UPDATE SET
    last_sync_timestamp = coalesce(%(checkpoint)s, sync_status.last_sync_timestamp),
    last_sync_status = excluded.last_sync_status, items_synced = excluded.items_synced,
    errors_count = excluded.errors_count, error_details = excluded.error_details, updated_at = excluded.updated_at
"""
_FAILED = """
INSERT INTO sync_status (
    entity_type, last_sync_timestamp, last_sync_status, items_synced, errors_count, error_details, updated_at
)
VALUES (%(entity)s, {never}, 'failed', 0, 1, %(details)s::jsonb, now())
ON CONFLICT (entity_type) DO UPDATE SET
    last_sync_status = 'failed', items_synced = 0, errors_count = greatest(sync_status.errors_count, 1),
    error_details = excluded.error_details, updated_at = excluded.updated_at
"""
_STATUS = """
SELECT s.last_sync_timestamp, s.last_sync_status, s.items_synced, s.errors_count, s.updated_at,
       (SELECT count(*) FROM {table}),
       (SELECT count(*) FROM {dead_letters} d WHERE d.entity = %(entity)s),
       (SELECT min(since) FROM {dead_letters} d WHERE d.entity = %(entity)s),
       {waiting}
FROM (SELECT) one LEFT JOIN sync_status s ON s.entity_type = %(entity)s
"""
_WAITING_NOW = """
(SELECT count(*) FROM {inbox}), (SELECT to_timestamp(min(_dlt_load_id COLLATE "C")::double precision) FROM {inbox})
"""


@dataclass(frozen=True)
class EntityStatus:
    """Where one entity stands. Timestamps are aware; None is never, or nothing there."""

    entity: str
    checkpoint: datetime | None
    status: str
    items_synced: int
    errors_count: int
    updated_at: datetime | None
    row_count: int
    dead_letters: int
    dead_letters_since: datetime | None
    waiting: int
    waiting_since: datetime | None


def newest_published(work: Publication) -> datetime | None:
    """The newest source change among the candidates that do not wait; None where none may move the checkpoint."""
    if work.value("SELECT EXISTS (SELECT FROM {refused} WHERE waits)"):
        newest: datetime | None = work.value(_NEWEST)
        return newest
    settled = (tally.newest for verdict, tally in work.tallies.items() if verdict != "wait")
    return max((stamp for stamp in settled if stamp), default=None)


def advance(work: Publication, newest: datetime | None) -> tuple[datetime | None, datetime | None]:
    """The checkpoint before, and after `newest` is published: never an earlier one, and None where there is none."""
    before = work.value(_BEFORE, never=NEVER)
    return before, max((stamp for stamp in (before, newest) if stamp), default=None)


def checkpoints(settings: Settings) -> dict[str, datetime | None]:
    """How far each entity of `sync_status` is; None where nothing of it is published. Raises the TargetError family."""
    statement = sql.SQL(_CHECKPOINTS).format(never=NEVER)
    with transaction(pool_for(settings), "reading the checkpoints") as connection:
        return dict(connection.execute(statement).fetchall())


def last_items(settings: Settings) -> dict[str, int]:
    """How many rows the last sync of each entity wrote; nothing of one that failed or never ran. Raises TargetError."""
    with closing(connect(settings)) as connection, transaction(connection, "reading the last syncs") as reading:
        return dict(reading.execute(_LAST_ITEMS).fetchall())


def record(work: Publication, figures: Mapping[str, Any], *, waiting: bool) -> None:
    """Write the entity's row: `figures` are checkpoint, status, items and errors of this publish."""
    part = work.compose(_PARKED) if waiting else sql.SQL("")
    details = work.value(_DETAILS, waiting=part, most=sql.Literal(MOST_DETAILS))
    work.execute(_UPSERT, {**figures, "details": Jsonb(details)}, never=NEVER)


def record_failure(connection: Connection, entity: str, reason: str) -> None:
    """Say that the last sync of `entity` failed and why, without any secret; the checkpoint stays as it is."""
    details = Jsonb([{"key": None, "reason": reason, "since": datetime.now(UTC).isoformat()}])
    connection.execute(sql.SQL(_FAILED).format(never=NEVER), {"entity": entity, "details": details})


def read_statuses(connection: Connection, entities: Mapping[str, Entity], schema: str) -> list[EntityStatus]:
    """Where each entity stands, in the order of `entities`."""
    return [_read_status(connection, name, Names(schema)) for name in entities]


def _read_status(connection: Connection, entity: str, names: Names) -> EntityStatus:
    inbox = names.inbox(entity)
    found = connection.execute("SELECT to_regclass(%s)", [inbox.as_string(connection)]).fetchone()
    landed = found is not None and found[0] is not None
    waiting = sql.SQL(_WAITING_NOW).format(inbox=inbox) if landed else sql.SQL("0, NULL::timestamptz")
    statement = sql.SQL(_STATUS).format(table=sql.Identifier(entity), waiting=waiting, **names.parts())
    row = connection.execute(statement, {"entity": entity}).fetchone()
    if row is None:
        raise LookupError(entity)
    checkpoint, status, items, errors, updated_at, *rest = row
    return EntityStatus(entity, checkpoint, status or "never", items or 0, errors or 0, updated_at, *rest)

"""What Postgres says of an entity: its checkpoint, its last run, its rows, and what is not published yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from psycopg import sql

from call_coach_assets.checks.gone_parents import gone_parents
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection
from call_coach_assets.sync.sync_status import EntityStatus, read_statuses

NEVER = "never"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # what sync_status says where nothing is published yet


@dataclass(frozen=True, kw_only=True)
class TargetStanding:
    """`status` as the sync left it, the run that published last, and keys of deleted parents by the naming column."""

    status: EntityStatus
    run_id: str | None = None
    gone: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)


def read_target_standings(
    connection: Connection, entities: Mapping[str, Entity], schema: str
) -> dict[str, TargetStanding]:
    """Where each of `entities` stands in Postgres, before its first sync too; psycopg's errors pass through."""
    names = Names(schema)
    if not is_prepared(connection, names):
        return {name: TargetStanding(status=_untouched(connection, name)) for name in entities}
    return {
        status.entity: TargetStanding(
            status=_with_plain_checkpoint(status),
            run_id=_last_run(connection, status.entity, names),
            gone=gone_parents(connection, entities[status.entity], entities, schema),
        )
        for status in read_statuses(connection, entities, schema)
    }


def is_prepared(connection: Connection, names: Names) -> bool:
    """Whether a sync has made its own tables in this database."""
    tables = [names.table(name).as_string(connection) for name in ("sync_runs", "dead_letters", "tombstones")]
    row = connection.execute(
        "SELECT bool_and(to_regclass(t) IS NOT NULL) FROM unnest(%s::text[]) t", [tables]
    ).fetchone()
    return bool(row and row[0])


def _untouched(connection: Connection, entity: str) -> EntityStatus:
    """The status of an entity in a database that no sync has seen; an older importer may have filled its table."""
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(entity))).fetchone()
    return EntityStatus(entity, None, NEVER, 0, 0, None, row[0] if row else 0, 0, None, 0, None)


def _with_plain_checkpoint(status: EntityStatus) -> EntityStatus:
    unpublished = status.status == NEVER or status.checkpoint is None or status.checkpoint <= EPOCH
    return replace(status, checkpoint=None) if unpublished else status


def _last_run(connection: Connection, entity: str, names: Names) -> str | None:
    statement = sql.SQL("SELECT run_id FROM {sync_runs} WHERE entity = %s ORDER BY load DESC LIMIT 1")
    row = connection.execute(statement.format(**names.parts()), [entity]).fetchone()
    return row[0] if row else None

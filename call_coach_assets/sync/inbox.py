"""Making the inbox, and dlt's own tables beside it, before dlt does: six first syncs at once would race on them.

One SELECT where nothing is missing. An inbox that was lost, or that is of an earlier declaration, is mended here:
dlt's contract freezes its shape.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from psycopg import sql

from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.inbox_schema import dlt_columns, inbox_table
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection, Pool, transaction

if TYPE_CHECKING:
    import dlt
    from dlt.extract.source import DltSource

logger = logging.getLogger(__name__)

_DLT_TABLES = ("_dlt_loads", "_dlt_version", "_dlt_pipeline_state")
_POSTGRES_TYPES = {
    "text": "character varying",
    "bigint": "bigint",
    "bool": "boolean",
    "date": "date",
    "timestamp": "timestamp with time zone",
}
_COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = %s AND table_name = ANY (%s)
"""
# What is published leaves the inbox soon, and a large one is truncated: to vacuum it meanwhile would slow a backfill
# down for nothing. A million rows that were deleted in it show that it never is.
_STORAGE = """
autovacuum_vacuum_threshold = 1000000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_insert_threshold = -1,
autovacuum_analyze_threshold = 1000000, autovacuum_analyze_scale_factor = 0
"""


def prepare_inbox(
    database: Pool, entity: Entity, settings: Settings, pipeline: dlt.Pipeline, source: DltSource
) -> None:
    """Make what is missing of the inbox and of dlt's tables. Safe in many processes at once."""
    if is_prepared(database, entity, settings.sync_schema):
        return
    logger.info("%s: preparing the inbox in schema %s", entity.name, settings.sync_schema)
    with _alone(database, entity, settings.sync_schema) as connection:
        _convert(connection, entity, settings.sync_schema)
    with _alone(database, entity, settings.sync_schema) as connection:
        is_new = inbox_table(entity) not in _live_columns(connection, entity, settings.sync_schema)
        _create(pipeline, source)
        if is_new:
            inbox = Names(settings.sync_schema).inbox(entity.name)
            connection.execute(sql.SQL("ALTER TABLE {} SET ({})").format(inbox, sql.SQL(_STORAGE)))


@contextmanager
def _alone(database: Pool, entity: Entity, schema: str) -> Iterator[Connection]:
    """A transaction beside which no other one prepares an inbox.

    Nobody who holds it may ask for a second connection: all of them might be waiting for it.
    """
    with transaction(database, f"preparing the inbox of {entity.name}") as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", [schema])
        yield connection


def is_prepared(database: Pool, entity: Entity, schema: str) -> bool:
    """Whether nothing is missing: rows can be landed."""
    with transaction(database, f"looking at the inbox of {entity.name}") as connection:
        live = _live_columns(connection, entity, schema)
    declared = {name: _POSTGRES_TYPES[hint["data_type"]] for name, hint in dlt_columns(entity).items()}
    return declared.items() <= live.get(inbox_table(entity), {}).items() and live.keys() >= {*_DLT_TABLES}


def _live_columns(connection: Connection, entity: Entity, schema: str) -> dict[str, dict[str, str]]:
    tables: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(_COLUMNS, [schema, [inbox_table(entity), *_DLT_TABLES]]):
        tables.setdefault(table, {})[column] = kind
    return tables


def _convert(connection: Connection, entity: Entity, schema: str) -> None:
    """Give columns whose declared type has changed their new type, through text."""
    live = _live_columns(connection, entity, schema).get(inbox_table(entity), {})
    for name, hint in dlt_columns(entity).items():
        wanted = _POSTGRES_TYPES[hint["data_type"]]
        if live.get(name, wanted) != wanted:
            logger.warning("%s: the inbox's column %s becomes %s", entity.name, name, wanted)
            connection.execute(
                sql.SQL("ALTER TABLE {inbox} ALTER COLUMN {column} TYPE {type} USING {column}::text::{type}").format(
                    inbox=Names(schema).inbox(entity.name), column=sql.Identifier(name), type=sql.SQL(wanted)
                )
            )


def _create(pipeline: dlt.Pipeline, source: DltSource) -> None:
    from dlt.common.schema import Schema
    from dlt.common.schema.utils import pipeline_state_table
    from dlt.dataset.utils import get_destination_clients

    schema = source.discover_schema()
    schema.update_table(pipeline_state_table(add_dlt_id=True))
    stored = Schema.from_dict(dict(schema.to_dict()))
    client, _ = get_destination_clients(
        stored, destination=pipeline.destination, destination_dataset_name=pipeline.dataset_name
    )
    with client:
        client.initialize_storage()
        client.update_stored_schema(force=True)

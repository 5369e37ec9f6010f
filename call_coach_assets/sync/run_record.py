"""`sync_runs`: what each transaction of a publish was begun for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql
from psycopg.types.json import Jsonb

from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.foreign_keys import read_foreign_keys
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection
from call_coach_assets.sync.publication import Publication, RunInfo, Slice
from call_coach_assets.sync.target import read_target

# The statements join and sort whole tables' worth of keys, and their statistics only have to tell few rows from many.
_SETTINGS = "SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL work_mem = '64MB'; SET LOCAL default_statistics_target = 10"
_BEGIN = """
INSERT INTO {sync_runs} (entity, run_id, dlt_load_ids, query_sha256, started_at)
VALUES (%s, %s, %s, %s, %s) RETURNING load
"""
_QUERY = "INSERT INTO {queries} (sha256, entity, text) VALUES (%s, %s, %s) ON CONFLICT (sha256) DO NOTHING"
_END = """
UPDATE {sync_runs} SET finished_at = clock_timestamp(), dlt_load_ids = %(loads)s, counts = %(counts)s
WHERE load = %(load)s
"""


def begin(
    connection: Connection,
    entity: Entity,
    entities: Mapping[str, Entity],
    names: Names,
    run: RunInfo,
    *,
    part: Slice | None = None,
) -> Publication:
    """Lock the inbox against a second publish and note the run; return what the stages work on."""
    connection.execute(_SETTINGS)
    target = read_target(connection, entity, names)
    if target.inbox:
        mode = sql.SQL("ROW EXCLUSIVE" if part else "SHARE ROW EXCLUSIVE")
        connection.execute(sql.SQL("LOCK TABLE {} IN {} MODE").format(names.inbox(entity.name), mode))
    started = [entity.name, run.run_id, list(run.load_ids), run.query_sha256, run.started_at]
    row = connection.execute(sql.SQL(_BEGIN).format(**names.parts()), started).fetchone()
    if not part:
        keep_query(connection, entity, names, run)
    return Publication(
        connection=connection,
        entity=entity,
        entities=entities,
        names=names,
        target=target,
        foreign_keys=read_foreign_keys(connection, entities),
        run=run,
        load=int(row[0]) if row else 0,
        part=part,
    )


def keep_query(connection: Connection, entity: Entity, names: Names, run: RunInfo) -> None:
    """Keep the text of the query. Slices leave it to others: who keeps a new one is waited for until the commit."""
    if run.query:
        connection.execute(sql.SQL(_QUERY).format(**names.parts()), [run.query_sha256, entity.name, run.query])


def note(work: Publication, loads: Sequence[str], counts: Mapping[str, int]) -> None:
    """Say in `sync_runs` what came of this transaction."""
    work.execute(_END, {"loads": sorted({*loads, *work.run.load_ids}), "counts": Jsonb(dict(counts))})

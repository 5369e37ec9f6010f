"""Writing candidates into the target: only rows that differ are updated, new ones get derived ids."""

from __future__ import annotations

import psycopg
from psycopg import sql

from call_coach_assets.sync.digests import DIGESTS, json_columns, target_hash
from call_coach_assets.sync.entity import Placement
from call_coach_assets.sync.publication import Publication, columns_of, same
from call_coach_assets.sync.quarantine import in_quarantine

_UPDATE = """
WITH written AS (
    UPDATE {target} t SET {assignments}{touch}
    FROM {staged} s JOIN {matched} m ON m._n = s._n
    WHERE s._verdict = 'write' AND s._n BETWEEN %(first)s AND %(last)s AND {identity}
      AND ({old}) IS DISTINCT FROM ({new})
    RETURNING s._n
)
INSERT INTO {changed} SELECT _n FROM written
"""
_INSERT = """
INSERT INTO {target} ({columns})
SELECT {values} FROM {staged} s LEFT JOIN {matched} m ON m._n = s._n
WHERE s._verdict = 'write' AND m._n IS NULL AND s._n BETWEEN %(first)s AND %(last)s
"""
_UNCHANGED = """
SELECT count(*) FROM {staged} s JOIN {matched} m ON m._n = s._n LEFT JOIN {changed} c ON c._n = s._n
LEFT JOIN {refused} f ON f._n = s._n WHERE s._verdict = 'write' AND c._n IS NULL AND f._n IS NULL
"""
_STALE_KEYS = """
DELETE FROM {rows} r USING {staged} s LEFT JOIN {matched} m ON m._n = s._n
WHERE {key} AND s._verdict = 'write' AND (m._n IS NULL OR r.id <> m.id)
"""
# most new rows are new to `rows` as well: looking each of them up there would cost more than to insert it
_CLAIM_NEW = """
INSERT INTO {rows} ({names})
SELECT {values}
FROM {staged} s LEFT JOIN {matched} m ON m._n = s._n LEFT JOIN {refused} f ON f._n = s._n
WHERE s._verdict = 'write' AND f._n IS NULL AND m._n IS NULL ORDER BY s._new_id
"""
# `rows` of what was inserted again under its id
_RECLAIM = """
UPDATE {rows} r SET load = %(load)s, source_deleted_at = NULL{digested}
FROM {staged} s LEFT JOIN {matched} m ON m._n = s._n LEFT JOIN {refused} f ON f._n = s._n
WHERE {identity} AND s._verdict = 'write' AND f._n IS NULL AND m._n IS NULL
"""
# with rows that are there but that no publish has claimed yet
_CLAIM = """
INSERT INTO {rows} ({names})
SELECT {values}
FROM {staged} s {join} {matched} m ON m._n = s._n LEFT JOIN {refused} f ON f._n = s._n
LEFT JOIN {rows} r ON {identity}
WHERE s._verdict = 'write' AND f._n IS NULL AND r.load IS NULL
"""
_DIGEST = """
UPDATE {rows} r SET source_digest = s._digest, target_hash = {digest}
FROM {staged} s JOIN {matched} m ON m._n = s._n LEFT JOIN {refused} f ON f._n = s._n
WHERE {identity} AND s._verdict = 'write' AND f._n IS NULL
  AND (r.source_digest, r.target_hash) IS DISTINCT FROM (s._digest, {digest})
"""
_STAMP = """
UPDATE {rows} r SET load = %(load)s
FROM {matched} m JOIN {changed} c ON c._n = m._n WHERE {identity} AND r.load <> %(load)s
"""
_UNDELETE = """
UPDATE {rows} r SET source_deleted_at = NULL
FROM {matched} m JOIN {staged} s ON s._n = m._n
WHERE {identity} AND s._verdict = 'write' AND r.source_deleted_at IS NOT NULL
"""


def open_changed(work: Publication) -> None:
    """Make the list of candidates whose target row was updated."""
    work.execute("CREATE TEMPORARY TABLE {changed} (_n bigint) ON COMMIT DROP")


def update(work: Publication, count: int) -> int:
    """Update the matched rows that differ from their candidate; return how many did."""
    columns = _written_columns(work)
    if not columns:
        return 0
    touch = work.entity.touch
    statement = work.compose(
        _UPDATE,
        assignments=sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), _new_value(work, name)) for name in columns
        ),
        touch=sql.SQL(", {} = now()").format(sql.Identifier(touch)) if touch else sql.SQL(""),
        identity=same("t", "m", work.target.identity),
        old=columns_of("t", columns),
        new=sql.SQL(", ").join(_new_value(work, name) for name in columns),
    )
    return in_quarantine(work, statement, count)


def _written_columns(work: Publication) -> list[str]:
    """What an update sets: what is synced and fed, but for the columns that found the row."""
    entity, unfed = work.entity, work.run.unfed_columns
    synced = [c.name for c in entity.columns if c.placement is Placement.SYNCED and c.name not in unfed]
    linked = [r.column for r in entity.references if not unfed.intersection(r.by)]
    found_by = {*entity.match, *work.target.identity}
    return [name for name in [*synced, *linked, *work.target.extras.values()] if name not in found_by]


def _new_value(work: Publication, name: str) -> sql.Composed:
    """The candidate's value; of a column that the mapping does not know, the old one where the row has none."""
    source = next((source for source, column in work.target.extras.items() if column == name), None)
    if source is None:
        return sql.SQL("{}").format(sql.Identifier("s", name))
    return sql.SQL("CASE WHEN s._extra ? {} THEN {} ELSE {} END").format(
        sql.Literal(source), sql.Identifier("s", name), sql.Identifier("t", name)
    )


def insert(work: Publication, count: int) -> int:
    """Insert the candidates that have no row; return how many were inserted."""
    entity, unfed = work.entity, work.run.unfed_columns
    kept = [name for name in entity.target_columns if name not in unfed]
    names = [*kept, *(reference.column for reference in entity.references), *work.target.extras.values()]
    columns, values = list(names), [sql.Identifier("s", name) for name in names]
    if entity.has_id:
        columns, values = ["id", *columns], [sql.Identifier("s", "_new_id"), *values]
    statement = work.compose(
        _INSERT, columns=sql.SQL(", ").join(map(sql.Identifier, columns)), values=sql.SQL(", ").join(values)
    )
    return in_quarantine(work, statement, count)


def count_unchanged(work: Publication) -> int:
    """How many candidates equal their target row."""
    return int(work.value(_UNCHANGED))


def record_lineage(work: Publication) -> None:
    """Say in `<entity>_rows` which rows this publish wrote, and of which key each row is."""
    entity, identity = work.entity, work.target.identity
    if not entity.match:
        work.execute(_STALE_KEYS, key=same("r", "s", entity.key))
    work.execute(_STAMP, identity=same("r", "m", identity))
    work.execute(_UNDELETE, identity=same("r", "m", identity))
    digested = _digested(work)
    if digested:
        work.execute(_DIGEST, identity=same("r", "m", identity), digest=target_hash(entity, "s"))
    kept = [column.name for column in entity.columns if column.placement is Placement.BOOKKEEPING]
    found = [_row_identity(name) if entity.has_id else sql.Identifier("s", name) for name in identity]
    held = sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier("r", name), value) for name, value in zip(identity, found, strict=True)
    )
    claim = {
        "names": sql.SQL(", ").join(map(sql.Identifier, [*identity, "load", *kept, *digested])),
        "values": sql.SQL(", ").join(
            [*found, sql.Placeholder("load"), *(sql.Identifier("s", name) for name in kept), *digested.values()]
        ),
        "identity": held,
    }
    try:
        with work.connection.transaction():
            work.execute(_CLAIM_NEW, **claim)
    except psycopg.errors.UniqueViolation:
        assigned = [sql.SQL(", {} = {}").format(sql.Identifier(name), value) for name, value in digested.items()]
        work.execute(_RECLAIM, identity=held, digested=sql.Composed(assigned))
        work.execute(_CLAIM, join=sql.SQL("LEFT JOIN"), **claim)
    else:
        work.execute(_CLAIM, join=sql.SQL("JOIN"), **claim)


def _digested(work: Publication) -> dict[str, sql.Composable]:
    """The columns of `rows` that hold fingerprints of the row's JSON, with their values; none where it has no JSON."""
    names = json_columns(work.entity)
    if not names or work.run.unfed_columns.intersection(names):
        return {}
    values = (sql.Identifier("s", "_digest"), target_hash(work.entity, "s"))
    return dict(zip(DIGESTS, values, strict=True))


def _row_identity(name: str) -> sql.Composed:
    return sql.SQL("coalesce({}, s._new_id)").format(sql.Identifier("m", name))

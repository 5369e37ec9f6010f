"""Rows that can never be published as they are: kept with their reason and payload until a good version arrives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql

from call_coach_assets.sync.bookkeeping import request_refetch
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection
from call_coach_assets.sync.publication import Publication
from call_coach_assets.sync.versions import any_null

STAYS = "without a key nothing replaces it: once its source is corrected, discard it"

_CREATE = "CREATE TEMPORARY TABLE {troubled} (_tid tid, _key text, reason text) ON COMMIT DROP"
_REFUSED = """
INSERT INTO {troubled}
SELECT n._tid, n._key, f.reason FROM {refused} f JOIN {newest} n ON n._n = f._n WHERE NOT f.waits
"""
_FLAWED = """
INSERT INTO {troubled}
SELECT s._tid, s._key, concat_ws('; ', CASE WHEN s._verdict = 'reject' THEN s._problem END, (
    SELECT string_agg(format('%%s does not fit: %%s', m.key, m.value), '; ' ORDER BY m.key)
    FROM jsonb_each_text(s._misfits) m
), CASE WHEN {keyless} THEN {stays} END)
FROM {staged} s LEFT JOIN {refused} f ON f._n = s._n
WHERE f._n IS NULL AND (s._verdict = 'reject' OR (s._verdict = 'write' AND s._misfits IS NOT NULL))
"""
_CLEAR = """
DELETE FROM {dead_letters} d
USING {newest} n LEFT JOIN {troubled} t ON t._tid = n._tid
WHERE d.entity = %(entity)s AND md5(d.key) = md5(n._key) AND t._tid IS NULL
"""
_RECORD = """
INSERT INTO {dead_letters} AS d (entity, key, reason, payload, run_id)
SELECT %(entity)s, t._key, t.reason,
       jsonb_strip_nulls(to_jsonb(i) - '{{_dlt_load_id,_dlt_id,_cursor,_digest}}'::text[]), %(run_id)s
FROM {troubled} t JOIN {inbox} i ON i.ctid = t._tid
ON CONFLICT (entity, md5(key)) DO UPDATE
SET reason = excluded.reason, payload = excluded.payload, run_id = excluded.run_id
WHERE (d.reason, d.payload) IS DISTINCT FROM (excluded.reason, excluded.payload)
"""
_LIST = """
SELECT entity, key, reason, payload, since, run_id FROM {dead_letters}
WHERE (entity = %(entity)s OR %(entity)s::text IS NULL) AND (key = %(key)s OR %(key)s::text IS NULL)
ORDER BY since DESC, entity, key LIMIT %(limit)s
"""
_KEYS = """
SELECT payload ->> %(part)s FROM {dead_letters} WHERE entity = %(entity)s AND payload ? %(part)s
ORDER BY since DESC LIMIT %(most)s
"""
_DISCARD = "DELETE FROM {dead_letters} WHERE entity = %(entity)s AND md5(key) = md5(%(key)s) AND key = %(key)s"


@dataclass(frozen=True)
class DeadLetter:
    """One row that is not published, or not whole; `payload` is the row as it was read."""

    entity: str
    key: str
    reason: str
    payload: dict[str, Any]
    since: datetime
    run_id: str


def record(work: Publication) -> None:
    """Write the dead letters of this publish's candidates, and clear those whose key is good again."""
    work.execute(_CREATE)
    work.execute(_REFUSED)
    if "reject" in work.tallies or work.written.misfits:
        _record_flawed(work)
    if work.value("SELECT EXISTS (SELECT FROM {dead_letters} WHERE entity = %(entity)s)"):
        work.execute(_CLEAR)
    work.execute(_RECORD)


def _record_flawed(work: Publication) -> None:
    work.execute(_FLAWED, keyless=any_null("s", work.entity.key), stays=sql.Literal(STAYS))


def list_letters(
    connection: Connection, schema: str, entity: str | None = None, *, limit: int = 100
) -> list[DeadLetter]:
    """The open dead letters of one entity or of all, newest first."""
    return _read(connection, schema, {"entity": entity, "key": None, "limit": limit})


def show(connection: Connection, schema: str, entity: str, key: str) -> DeadLetter | None:
    """The dead letter of one key, None where there is none."""
    return next(iter(_read(connection, schema, {"entity": entity, "key": key, "limit": 1})), None)


def _read(connection: Connection, schema: str, wanted: dict[str, Any]) -> list[DeadLetter]:
    statement = sql.SQL(_LIST).format(**Names(schema).parts())
    return [DeadLetter(*row) for row in connection.execute(statement, wanted)]


def retry(connection: Connection, schema: str, entity: Entity, key: str) -> bool:
    """Have the next sync read the key again; what it reads replaces or clears the letter.

    Returns False where there is no such letter, or where its row has no key to be read by.
    """
    letter = show(connection, schema, entity.name, key)
    part = letter.payload.get(entity.key[0]) if letter else None
    if part is None:
        return False
    request_refetch(connection, entity.name, entity.key[0], [str(part)], schema)
    return True


def retry_all(connection: Connection, schema: str, entity: Entity, *, most: int) -> None:
    """Have the next sync read the keys of all dead letters of `entity` again, of the newest `most` where they are more.

    A source that is corrected without a new stamp is noticed by nothing else.
    """
    wanted = {"entity": entity.name, "part": entity.key[0], "most": most}
    keys = [row[0] for row in connection.execute(sql.SQL(_KEYS).format(**Names(schema).parts()), wanted)]
    request_refetch(connection, entity.name, entity.key[0], keys, schema)


def discard(connection: Connection, schema: str, entity: str, key: str) -> bool:
    """Forget the dead letter of one key; returns whether there was one. The same row, read again, brings it back."""
    statement = sql.SQL(_DISCARD).format(**Names(schema).parts())
    return connection.execute(statement, {"entity": entity, "key": key}).rowcount > 0

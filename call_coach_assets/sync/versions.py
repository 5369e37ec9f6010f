"""What is in the inbox, and which version of each key is the newest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from call_coach_assets.sync.bookkeeping import POSTGRES_TYPES
from call_coach_assets.sync.inbox_schema import DIGEST
from call_coach_assets.sync.publication import Publication, columns_of

_NEWEST = """
INSERT INTO {newest} (_n, _tid, _key, _fresh)
SELECT row_number() OVER (), _tid, _key || coalesce('#' || _keyless, ''), _load <> ALL (%(published)s)
FROM (
    SELECT DISTINCT ON ({key}, _keyless) _tid, _key, _keyless, _load
    FROM (
        SELECT {key_columns}, i._tid, i._dlt_load_id COLLATE "C" AS _load, i._changed_at, i._deleted,
               concat_ws('/', {key_texts}) AS _key, hash_record_extended(ROW({columns}), 0) AS _digest,
               CASE WHEN {keyless} THEN md5(ROW({columns}, i._misfits)::text) END AS _keyless
        FROM {versions} i
    ) k
    ORDER BY {key}, _keyless, _load DESC, _changed_at DESC NULLS LAST, _deleted NULLS FIRST, _digest
) latest
"""
# sorting whole rows costs more than all the rest: it is done only where there is something to choose
_UNCLEAR = "SELECT EXISTS (SELECT FROM {versions} i GROUP BY {key_columns} HAVING count(*) > 1 OR bool_or({keyless}))"
_EVERY = """
(SELECT row_number() OVER () AS _n, concat_ws('/', {key_texts}) AS _key, i.*,
        i._dlt_load_id <> ALL (%(published)s) AS _fresh
 FROM {versions} i)
"""
_SCOPED = """
(SELECT s.* FROM (
    SELECT i.*, max(i._dlt_load_id COLLATE "C") OVER (PARTITION BY {scope}) AS _last_load
    FROM {landed} i WHERE coalesce(i._dlt_load_id = ANY (%(complete)s), false)
) s WHERE s._dlt_load_id = s._last_load OR ({scope}) IS NULL)
"""
_LOADS = "SELECT DISTINCT i._dlt_load_id FROM {inbox} i WHERE {holds}"
_PUBLISHED = """
SELECT DISTINCT l FROM {sync_runs}, unnest(dlt_load_ids) l
WHERE entity = %(entity)s AND load <> %(load)s AND l = ANY (%(loads)s)
"""
_COMPLETE = "SELECT load_id FROM {dlt_loads} WHERE status = 0 AND load_id = ANY (%(loads)s)"


def landed_loads(work: Publication) -> list[str]:
    """dlt's ids of the loads whose rows are in the inbox, or in the slice of it."""
    if work.part and work.part.load:
        return [work.part.load]
    if work.settled and not work.part:
        return sorted(work.run.load_ids)
    return sorted(row[0] for row in work.execute(_LOADS, holds=work.holds("i")))


@dataclass(frozen=True)
class Choice:
    """What there is to choose from: parts of statements, and their parameters."""

    parts: dict[str, sql.Composable]
    known: dict[str, list[str]]

    @classmethod
    def among(cls, work: Publication, loads: list[str]) -> Choice:
        """The choice among the versions that came with `loads`."""
        entity, versions = work.entity, landed(work)
        if entity.scope:
            scope = sql.SQL(", ").join(map(sql.Identifier, entity.scope))
            versions = work.compose(_SCOPED, scope=scope, landed=versions)
        texts = [sql.SQL("coalesce({}::text, '?')").format(sql.Identifier("i", name)) for name in entity.key]
        parts: dict[str, sql.Composable] = {
            "versions": versions,
            "key": columns_of("k", entity.key),
            "key_columns": columns_of("i", entity.key),
            "key_texts": sql.SQL(", ").join(texts),
            "columns": columns_of("i", (column.name for column in entity.columns)),
            "keyless": any_null("i", entity.scope or entity.key),
        }
        return cls(parts, {"published": _published(work, loads), "complete": _complete(work, loads)})

    def is_open(self, work: Publication) -> bool:
        """Whether a key is there twice, or a row has none."""
        return work.execute(_UNCLEAR, self.known, **self.parts).fetchone() == (True,)

    def every(self, work: Publication) -> sql.Composed:
        """A subselect of all versions, numbered; its parameters are `known`."""
        return work.compose(_EVERY, **self.parts)

    def fill_newest(self, work: Publication) -> None:
        """Fill `newest` with the number and the address of the newest version of each key."""
        work.execute(_NEWEST, self.known, **self.parts)


def landed(work: Publication) -> sql.Composed:
    """The inbox with its row addresses; a column declared since dlt made the table is NULL."""
    known = {column.name: POSTGRES_TYPES[column.type] for column in work.entity.columns} | {DIGEST: "text"}
    missing = [
        sql.SQL(", NULL::{} AS {}").format(sql.SQL(kind), sql.Identifier(name))
        for name, kind in known.items()
        if name not in work.target.inbox
    ]
    return work.compose(
        "(SELECT i.*, i.ctid AS _tid{missing} FROM {inbox} i WHERE {holds})",
        missing=sql.Composed(missing),
        holds=work.holds("i"),
    )


def any_null(alias: str, names: Iterable[str]) -> sql.Composed:
    """`alias.name IS NULL OR …`."""
    return sql.SQL(" OR ").join(sql.SQL("{} IS NULL").format(sql.Identifier(alias, name)) for name in names)


def _published(work: Publication, loads: list[str]) -> list[str]:
    """The loads that an earlier publish has seen: what is left of them waits, and says nothing about a scope."""
    return [row[0] for row in work.execute(_PUBLISHED, {"loads": loads})]


def _complete(work: Publication, loads: list[str]) -> list[str]:
    """The loads that dlt finished: a crash while landing leaves part of a scope, which is read again anyway."""
    table = work.names.table("_dlt_loads")
    found = work.connection.execute("SELECT to_regclass(%s)", [table.as_string(work.connection)]).fetchone()
    if not found or found[0] is None:
        return loads
    return [*work.run.load_ids, *(row[0] for row in work.execute(_COMPLETE, {"loads": loads}, dlt_loads=table))]

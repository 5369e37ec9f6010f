"""From the inbox to typed candidates: the newest version of each key, with its parents' ids and a verdict.

The verdict on a candidate is one of

    write   insert or update its target row
    delete  the source flags it deleted
    wait    a required parent is not there yet: the row stays in the inbox
    drop    a required parent was deleted at the source: the row is gone with it; or it is deleted and has no key
    marker  it only says that a scope was read and holds nothing
    reject  it can never be published as it is
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from call_coach_assets.sync import staging
from call_coach_assets.sync.bookkeeping import POSTGRES_TYPES
from call_coach_assets.sync.inbox_schema import DIGEST
from call_coach_assets.sync.narrowing import misfits
from call_coach_assets.sync.publication import Publication, columns_of
from call_coach_assets.sync.quarantine import in_quarantine

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
_SCOPED = """
(SELECT s.* FROM (
    SELECT i.*, max(i._dlt_load_id COLLATE "C") OVER (PARTITION BY {scope}) AS _last_load
    FROM {landed} i WHERE i._dlt_load_id = ANY (%(complete)s)
) s WHERE s._dlt_load_id = s._last_load OR ({scope}) IS NULL)
"""
_STAGE = """
INSERT INTO {staged} ({columns})
SELECT {read}, CASE
    WHEN v._deleted THEN CASE WHEN v._keyed THEN 'delete' ELSE 'drop' END
    WHEN v._problem IS NOT NULL THEN 'reject'
    WHEN v._marks THEN 'marker'
    WHEN v._orphaned THEN 'drop'
    WHEN v._waits_for IS NOT NULL THEN 'wait'
    ELSE 'write'
END
FROM (
    SELECT n._n, n._tid, n._key, n._fresh, {new_id} AS _new_id, i._changed_at, i._cursor,
           coalesce(i._deleted, false) AS _deleted, {misfits} AS _misfits, {extra} AS _extra,
           i._digest::uuid AS _digest, {problem} AS _problem, {orphaned} AS _orphaned, {waits_for} AS _waits_for,
           {marker} AS _marks, {keyed} AS _keyed{values}
    FROM {newest} n JOIN {landed} i ON i._tid = n._tid {parents}
    WHERE n._n BETWEEN %(first)s AND %(last)s
) v
"""
_LOADS = "SELECT DISTINCT _dlt_load_id FROM {inbox}"
_PUBLISHED = """
SELECT DISTINCT l FROM {sync_runs}, unnest(dlt_load_ids) l
WHERE entity = %(entity)s AND load <> %(load)s AND l = ANY (%(loads)s)
"""
_COMPLETE = "SELECT load_id FROM {dlt_loads} WHERE status = 0 AND load_id = ANY (%(loads)s)"
_CREATE_NEWEST = """
CREATE TEMPORARY TABLE {newest} (_n bigint PRIMARY KEY, _tid tid, _key text, _fresh boolean) ON COMMIT DROP
"""


def landed_loads(work: Publication) -> list[str]:
    """dlt's ids of the loads whose rows are in the inbox."""
    return sorted(row[0] for row in work.execute(_LOADS))


def stage(work: Publication, loads: list[str]) -> int:
    """Fill `newest` and `staged`, put what Postgres cannot parse into `refused`; return the number of candidates."""
    _create(work)
    _pick_newest(work, loads)
    count = int(work.value("SELECT count(*) FROM {newest}"))
    work.execute("ANALYZE {newest}")
    in_quarantine(work, work.compose(_STAGE, **_stage_parts(work)), count)
    work.execute("ANALYZE {staged} ({joined})", joined=_joined_columns(work))
    return count


def _create(work: Publication) -> None:
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
        for name, kind in staging.staged_columns(work).items()
    ]
    work.execute(_CREATE_NEWEST)
    work.execute(
        "CREATE TEMPORARY TABLE {staged} ({columns}, PRIMARY KEY (_n)) ON COMMIT DROP",
        columns=sql.SQL(", ").join(columns),
    )


def _pick_newest(work: Publication, loads: list[str]) -> None:
    entity = work.entity
    versions = _landed(work)
    if entity.scope:
        scope = sql.SQL(", ").join(map(sql.Identifier, entity.scope))
        versions = work.compose(_SCOPED, scope=scope, landed=versions)
    work.execute(
        _NEWEST,
        {"published": _published(work, loads), "complete": _complete(work, loads)},
        versions=versions,
        key=columns_of("k", entity.key),
        key_columns=columns_of("i", entity.key),
        key_texts=sql.SQL(", ").join(
            sql.SQL("coalesce({}::text, '?')").format(sql.Identifier("i", name)) for name in entity.key
        ),
        columns=columns_of("i", (column.name for column in entity.columns)),
        keyless=_any_null(entity.scope or entity.key),
    )


def _landed(work: Publication) -> sql.Composed:
    """The inbox with its row addresses; a column declared since dlt made the table is NULL."""
    known = {column.name: POSTGRES_TYPES[column.type] for column in work.entity.columns} | {DIGEST: "text"}
    missing = [
        sql.SQL(", NULL::{} AS {}").format(sql.SQL(kind), sql.Identifier(name))
        for name, kind in known.items()
        if name not in work.target.inbox
    ]
    return work.compose("(SELECT i.*, i.ctid AS _tid{missing} FROM {inbox} i)", missing=sql.Composed(missing))


def _any_null(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(" OR ").join(sql.SQL("{} IS NULL").format(sql.Identifier("i", name)) for name in names)


def _joined_columns(work: Publication) -> sql.Composed:
    """The columns by which later stages join: statistics of long texts would cost more than they tell."""
    known = {*work.entity.key, *(reference.column for reference in work.entity.references)}
    return sql.SQL(", ").join(map(sql.Identifier, ["_n", "_verdict", "_new_id", *sorted(known)]))


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


def _stage_parts(work: Publication) -> dict[str, sql.Composable]:
    entity = work.entity
    columns = [name for name in staging.staged_columns(work) if name != "_verdict"]
    values = [staging.value_of(work, column.name) for column in entity.columns]
    values += [staging.parent_id(reference) for reference in entity.references]
    values += [staging.extra_value(work, source, column) for source, column in work.target.extras.items()]
    named = zip(values, columns[-len(values) :], strict=True)
    return {
        "columns": sql.SQL(", ").join(map(sql.Identifier, [*columns, "_verdict"])),
        "read": columns_of("v", columns),
        "values": sql.Composed([sql.SQL(", {} AS {}").format(value, sql.Identifier(name)) for value, name in named]),
        "landed": _landed(work),
        "new_id": staging.derived_id(entity),
        "misfits": misfits(work, staging.json_of(sql.SQL("i._misfits"))),
        "extra": staging.json_of(sql.SQL("i._extra")),
        "problem": staging.problem(work),
        "orphaned": staging.orphaned(work),
        "waits_for": staging.waits_for(work),
        "marker": staging.marker(entity, "i"),
        "keyed": sql.SQL("NOT ({})").format(_any_null(entity.key)),
        "parents": sql.SQL(" ").join(staging.parents(work)),
    }

"""Deleting target rows, and never what the application hangs on them.

`doomed` holds what is to go. A row stays where rows of a table that the sync does not own point at it, or at a row
that would be deleted with it; then the row, or the bookkeeping, says `source_deleted_at`. Rows that outlive their
parent are detached and remembered in `unlinked`. Everything else goes, with its bookkeeping.
"""

from __future__ import annotations

from typing import LiteralString

from psycopg import sql

from call_coach_assets.sync.bookkeeping import POSTGRES_TYPES
from call_coach_assets.sync.entity import Column, Placement
from call_coach_assets.sync.foreign_keys import ForeignKey, joined
from call_coach_assets.sync.publication import Publication, columns_of, equal, same
from call_coach_assets.sync.target import SOURCE_DELETED_AT
from call_coach_assets.sync.tombstones import bury_doomed, sever

_CREATE = """
CREATE TEMPORARY TABLE {doomed} (
    {identity}, _parts text[], _key text, _at timestamptz, _kept boolean NOT NULL DEFAULT false
) ON COMMIT DROP
"""
_FLAGGED = """
INSERT INTO {doomed} ({identity}, _parts, _key, _at)
SELECT {matched_identity}, ARRAY[{parts}]::text[], s._key, coalesce(s._changed_at, now())
FROM {staged} s JOIN {matched} m ON m._n = s._n WHERE s._verdict = 'delete'
"""
_LOCK_TARGET = "SELECT FROM {target} t JOIN {doomed} d ON {same} FOR UPDATE OF t"
_LOCK_CASCADE = "SELECT FROM {doomed} d JOIN {target} t ON {same} {chain} FOR UPDATE OF {last}"
_KEEP = """
UPDATE {doomed} d SET _kept = true
WHERE NOT _kept AND EXISTS (SELECT FROM {target} t {chain} WHERE {same})
"""
_REMEMBER = """
INSERT INTO {unlinked} (entity, id, column_name, parent_key)
SELECT {child}, c.id, {column}, d._parts
FROM {child_table} c JOIN {doomed} d ON c.{reference} = d.id
WHERE NOT d._kept AND d._parts IS NOT NULL
ON CONFLICT (entity, id, column_name) DO UPDATE SET parent_key = excluded.parent_key
"""
_DETACH = "UPDATE {child_table} c SET {reference} = NULL FROM {doomed} d WHERE c.{reference} = d.id AND NOT d._kept"
_FORGET_CASCADED_ROWS = """
DELETE FROM {child_rows} r USING {doomed} d, {target} t {chain} WHERE {same} AND {last_is_row} AND NOT d._kept
"""
_FORGET_CASCADED_LINKS = """
DELETE FROM {unlinked} u USING {doomed} d, {target} t {chain}
WHERE {same} AND u.entity = {child} AND u.id = {last}.id AND NOT d._kept
"""
_DELETE = "DELETE FROM {target} t USING {doomed} d WHERE {same} AND NOT d._kept"
_FORGET_ROWS = "DELETE FROM {rows} t USING {doomed} d WHERE {same} AND NOT d._kept"
_FORGET_LINKS = "DELETE FROM {unlinked} u USING {doomed} d WHERE u.entity = %(entity)s AND u.id = d.id AND NOT d._kept"
_MARK_METADATA = """
UPDATE {target} t
SET metadata = coalesce(t.metadata, '{{}}') || jsonb_build_object({mark}, d._at){touch}
FROM {doomed} d WHERE {same} AND d._kept AND d._at IS NOT NULL AND NOT coalesce(t.metadata ? {mark}, false)
"""
_MARK_ROWS = """
INSERT INTO {rows} AS r ({identity}, load, source_deleted_at{kept_columns})
SELECT {doomed_identity}, %(load)s, d._at{kept_values}
FROM {doomed} d LEFT JOIN {rows} o ON {old}
WHERE d._kept AND d._at IS NOT NULL AND o.source_deleted_at IS NULL
ON CONFLICT ({identity}) DO UPDATE SET source_deleted_at = excluded.source_deleted_at
"""


def open_doomed(work: Publication) -> None:
    """Make the table of what is to be deleted.

    Its columns are the target's identity, `_parts` and `_key` (the key, as an array of text and as text) and `_at`
    (when the source deleted it). Without a key the row leaves no tombstone; without `_at` it gets no mark.
    """
    identity = [sql.SQL("{} uuid").format(sql.Identifier(name)) for name in work.target.identity]
    work.execute(_CREATE, identity=sql.SQL(", ").join(identity))


def doom_flagged(work: Publication) -> None:
    """Put into `doomed` the target rows that the source flags deleted."""
    if "delete" not in work.tallies:
        return
    work.execute(
        _FLAGGED,
        identity=sql.SQL(", ").join(map(sql.Identifier, work.target.identity)),
        matched_identity=columns_of("m", work.target.identity),
        parts=sql.SQL(", ").join(sql.SQL("s.{}::text").format(sql.Identifier(name)) for name in work.entity.key),
    )


def delete_doomed(work: Publication) -> tuple[int, int]:
    """Delete what is in `doomed` where nothing of the application hangs on it, and empty it.

    Returns how many rows were deleted, and how many stay and were marked now.
    """
    if not work.value("SELECT EXISTS (SELECT FROM {doomed})"):
        return 0, 0
    work.execute("ANALYZE {doomed}")
    _decide(work)
    _detach_children(work)
    sever(work)
    bury_doomed(work)
    _forget_cascaded(work)
    _identified(work, _FORGET_ROWS)
    if work.entity.has_id:
        work.execute(_FORGET_LINKS)
    deleted = _identified(work, _DELETE)
    marked = _mark(work)
    work.clear("doomed")
    return deleted, marked


def _identified(work: Publication, template: LiteralString, **parts: sql.Composable) -> int:
    return work.execute(template, same=same("t", "d", work.target.identity), **parts).rowcount


def _decide(work: Publication) -> None:
    """Lock the doomed rows and all that would go with them, then see what of the application points at them."""
    chains = list(work.foreign_keys.chains(work.entity.name))
    _identified(work, _LOCK_TARGET)
    for chain in chains:
        if not work.foreign_keys.protects(chain):
            _identified(work, _LOCK_CASCADE, chain=joined(chain), last=sql.Identifier(f"c{len(chain)}"))
    for chain in chains:
        if work.foreign_keys.protects(chain):
            _identified(work, _KEEP, chain=joined(chain))


def _detach_children(work: Publication) -> None:
    for child, column, _ in work.children(required=False):
        parts = {"child_table": sql.Identifier(child.name), "reference": sql.Identifier(column)}
        work.execute(_REMEMBER, child=sql.Literal(child.name), column=sql.Literal(column), **parts)
        work.execute(_DETACH, **parts)


def _forget_cascaded(work: Publication) -> None:
    """Drop the bookkeeping of the rows of other entities that the deletion cascades to."""
    for chain in work.foreign_keys.chains(work.entity.name):
        if not work.foreign_keys.protects(chain):
            _forget_chain(work, chain)


def _forget_chain(work: Publication, chain: tuple[ForeignKey, ...]) -> None:
    child = work.entities[str(chain[-1].entity)]
    last = f"c{len(chain)}"
    identity = ("id",) if child.has_id else child.match
    _identified(
        work,
        _FORGET_CASCADED_ROWS,
        child_rows=work.names.rows(child.name),
        chain=joined(chain),
        last_is_row=equal("r", last, ((name, name) for name in identity)),
    )
    if child.has_id:
        _identified(
            work,
            _FORGET_CASCADED_LINKS,
            chain=joined(chain),
            child=sql.Literal(child.name),
            last=sql.Identifier(last),
        )


def _mark(work: Publication) -> int:
    """Say of the rows that stay when their source was deleted, once; return how many were marked."""
    if work.target.keeps_metadata:
        touch = work.entity.touch
        touched = sql.SQL(", {} = now()").format(sql.Identifier(touch)) if touch else sql.SQL("")
        return _identified(work, _MARK_METADATA, mark=sql.Literal(SOURCE_DELETED_AT), touch=touched)
    kept = [c for c in work.entity.columns if c.placement is Placement.BOOKKEEPING and c.name in work.entity.key]
    work.execute(
        _MARK_ROWS,
        identity=sql.SQL(", ").join(map(sql.Identifier, work.target.identity)),
        doomed_identity=columns_of("d", work.target.identity),
        old=same("o", "d", work.target.identity),
        kept_columns=sql.Composed([sql.SQL(", {}").format(sql.Identifier(column.name)) for column in kept]),
        kept_values=sql.Composed([_key_part(work, column) for column in kept]),
    )
    return 0


def _key_part(work: Publication, column: Column) -> sql.Composed:
    place = sql.Literal(work.entity.key.index(column.name) + 1)
    return sql.SQL(", d._parts[{}]::{}").format(place, sql.SQL(POSTGRES_TYPES[column.type]))

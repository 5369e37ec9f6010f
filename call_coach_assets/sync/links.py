"""Optional references whose parent is not there: published as NULL, remembered, and linked when the parent arrives."""

from __future__ import annotations

from psycopg import sql

from call_coach_assets.sync.entity import Reference
from call_coach_assets.sync.publication import Publication, parent_rows

_FORGET = """
DELETE FROM {unlinked} u
USING {staged} s LEFT JOIN {matched} m ON m._n = s._n
WHERE u.entity = %(entity)s AND u.column_name = {column} AND u.id = coalesce(m.id, s._new_id)
  AND s._verdict = 'write' AND ({missing}) IS NOT TRUE
"""
_REMEMBER = """
INSERT INTO {unlinked} AS u (entity, id, column_name, parent_key)
SELECT %(entity)s, coalesce(m.id, s._new_id), {column}, ARRAY[{parts}]::text[]
FROM {staged} s LEFT JOIN {matched} m ON m._n = s._n LEFT JOIN {refused} f ON f._n = s._n
WHERE s._verdict = 'write' AND f._n IS NULL AND {missing}
ON CONFLICT (entity, id, column_name) DO UPDATE SET parent_key = excluded.parent_key
WHERE u.parent_key <> excluded.parent_key
"""
_LINK = """
WITH arrived AS (
    SELECT u.id, p.id AS parent FROM {unlinked} u JOIN {parent} p ON {found}
    WHERE u.entity = %(entity)s AND u.column_name = {column}
), linked AS (
    UPDATE {target} t SET {reference} = a.parent{touch}
    FROM arrived a WHERE t.id = a.id AND t.{reference} IS DISTINCT FROM a.parent
    RETURNING t.id
), lineage AS (
    UPDATE {rows} r SET load = %(load)s FROM linked l WHERE r.id = l.id
), settled AS (
    DELETE FROM {unlinked} u USING arrived a
    WHERE u.entity = %(entity)s AND u.column_name = {column} AND u.id = a.id
)
SELECT count(*) FROM linked
"""


def remember(work: Publication) -> None:
    """Bring `unlinked` up to date with the candidates: those without their parent in, those with it out."""
    for reference in _optional(work):
        column, missing = sql.Literal(reference.column), _missing(reference)
        parts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier("s", name)) for name in reference.by)
        work.execute(_FORGET, column=column, missing=missing)
        if work.written.unlinked:
            work.execute(_REMEMBER, column=column, missing=missing, parts=parts)


def any_missing(work: Publication) -> sql.Composed:
    """Whether the candidate `s` names an optional parent that is not there."""
    return sql.SQL(" OR ").join([*map(_missing, _optional(work)), sql.SQL("false")])


def _missing(reference: Reference) -> sql.Composed:
    known = [sql.SQL("{} IS NOT NULL").format(sql.Identifier("s", name)) for name in reference.by]
    absent = sql.SQL("{} IS NULL").format(sql.Identifier("s", reference.column))
    return sql.SQL("({})").format(sql.SQL(" AND ").join([absent, *known]))


def link(work: Publication) -> int:
    """Link the rows whose parent has arrived since, in whatever run; return how many."""
    touch = work.entity.touch
    linked = 0
    for reference in _optional(work):
        parent = work.entities[reference.entity]
        parts = [(name, f"u.parent_key[{place}]") for place, name in enumerate(parent.key, start=1)]
        linked += int(
            work.value(
                _LINK,
                column=sql.Literal(reference.column),
                reference=sql.Identifier(reference.column),
                parent=parent_rows(parent, work.names),
                found=sql.SQL(" AND ").join(
                    sql.SQL("{} = {}").format(sql.Identifier("p", name), sql.SQL(part)) for name, part in parts
                ),
                touch=sql.SQL(", {} = now()").format(sql.Identifier(touch)) if touch else sql.SQL(""),
            )
        )
    return linked


def _optional(work: Publication) -> list[Reference]:
    return [r for r in work.entity.references if not r.required and not work.run.unfed_columns.intersection(r.by)]

"""What was deleted at the source: its children are gone too and wait for nothing; when it comes back, they do."""

from __future__ import annotations

from psycopg import sql

from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.publication import Publication, key_text, parent_rows

_BURY_ABSENT = """
INSERT INTO {tombstones} (entity, key, deleted_at)
SELECT %(entity)s, s._key, coalesce(s._changed_at, now())
FROM {staged} s LEFT JOIN {matched} m ON m._n = s._n WHERE s._verdict = 'delete' AND m._n IS NULL
ON CONFLICT (entity, md5(key)) DO NOTHING
"""
_BURY_DOOMED = """
INSERT INTO {tombstones} (entity, key, deleted_at)
SELECT %(entity)s, d._key, coalesce(d._at, now()) FROM {doomed} d WHERE d._key IS NOT NULL AND NOT d._kept
ON CONFLICT (entity, md5(key)) DO NOTHING
"""
_RETURNED = """
WITH lifted AS (
    DELETE FROM {tombstones} d USING {staged} s
    WHERE d.entity = %(entity)s AND md5(d.key) = md5(s._key) AND s._verdict = 'write'
    RETURNING s._key, s.{part}::text AS part
), again AS (
    SELECT child.entity, child.column_name, l.part AS key
    FROM lifted l CROSS JOIN unnest(%(children)s::text[], %(columns)s::text[]) AS child (entity, column_name)
    UNION
    SELECT v.entity, v.column_name, v.key
    FROM lifted l JOIN {severed} v ON v.parent_entity = %(entity)s AND md5(v.parent_key) = md5(l._key)
)
INSERT INTO {refetch} (entity, column_name, key, since)
SELECT entity, column_name, key, clock_timestamp() FROM again
ON CONFLICT (entity, column_name, md5(key)) DO UPDATE SET since = excluded.since
"""
_HEAL = """
DELETE FROM {severed} v USING {staged} s
WHERE v.parent_entity = %(entity)s AND md5(v.parent_key) = md5(s._key) AND s._verdict = 'write'
"""
_SEVER_DELETED = """
INSERT INTO {severed} (entity, column_name, key, parent_entity, parent_key)
SELECT DISTINCT {child}, {scope}, p.{scope_key}::text, %(entity)s, d._key
FROM {child_table} c JOIN {doomed} d ON c.{reference} = d.id JOIN {scope_parent} p ON p.id = c.{scope_reference}
WHERE NOT d._kept AND d._key IS NOT NULL
ON CONFLICT DO NOTHING
"""
_SEVER_DROPPED = """
INSERT INTO {severed} (entity, column_name, key, parent_entity, parent_key)
SELECT DISTINCT %(entity)s, {scope}, s.{scope_column}::text, {parent}, {key}
FROM {staged} s JOIN {tombstones} d ON d.entity = {parent} AND md5(d.key) = md5({key})
WHERE s._verdict = 'drop' AND s.{reference} IS NULL
ON CONFLICT DO NOTHING
"""


def has_children(work: Publication) -> bool:
    """Whether rows of other entities are found through this one."""
    return any(r.entity == work.entity.name for child in work.entities.values() for r in child.references)


def bury_absent(work: Publication) -> None:
    """Record the keys that the source flags deleted and the target does not have."""
    if has_children(work):
        work.execute(_BURY_ABSENT)


def bury_doomed(work: Publication) -> None:
    """Record the keys of what is about to be deleted."""
    if has_children(work):
        work.execute(_BURY_DOOMED)


def lift(work: Publication) -> None:
    """Forget the tombstones of keys that came back, and have their children read again."""
    whole = [(child, by[0]) for child, _, by in work.children(required=True) if not _needs_scope(child, by)]
    work.execute(
        _RETURNED,
        {"children": [child.name for child, _ in whole], "columns": [column for _, column in whole]},
        part=sql.Identifier(work.entity.key[0]),
    )
    work.execute(_HEAL)


def _needs_scope(child: Entity, by: tuple[str, ...]) -> bool:
    """Whether reading the child by its parent's key would read part of a scope, which must be read whole."""
    return bool(child.scope) and not set(child.scope) <= set(by)


def sever(work: Publication) -> None:
    """Before `doomed` is deleted: remember which scopes of children lose rows by it."""
    for child, column, by in work.children(required=True):
        through = _scope_reference(child) if _needs_scope(child, by) else None
        if through is None:
            continue
        scope_column, parent = through
        scope_parent = work.entities[parent]
        work.execute(
            _SEVER_DELETED,
            child=sql.Literal(child.name),
            child_table=sql.Identifier(child.name),
            reference=sql.Identifier(column),
            scope=sql.Literal(child.scope[0]),
            scope_key=sql.Identifier(scope_parent.key[0]),
            scope_parent=parent_rows(scope_parent, work.names),
            scope_reference=sql.Identifier(scope_column),
        )


def _scope_reference(child: Entity) -> tuple[str, str] | None:
    """The reference through which a child's scope is found: its column and the parent entity."""
    return next(((r.column, r.entity) for r in child.references if r.by == child.scope), None)


def sever_dropped(work: Publication) -> None:
    """Remember which scopes hold rows that were dropped because a parent is deleted."""
    for reference in work.entity.references:
        if reference.required and _needs_scope(work.entity, reference.by):
            work.execute(
                _SEVER_DROPPED,
                scope=sql.Literal(work.entity.scope[0]),
                scope_column=sql.Identifier(work.entity.scope[0]),
                parent=sql.Literal(reference.entity),
                key=key_text("s", reference.by),
                reference=sql.Identifier(reference.column),
            )

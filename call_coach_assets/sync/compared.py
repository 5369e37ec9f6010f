"""What of an entity is compared, as texts that are equal where the two ends agree.

Not compared are the columns that the application owns, those of which the source is gone, and whatever is only there to
find a parent: a reference is compared by the parent's natural key, which both ends know. Rows that are kept although
their source was deleted have nothing to be compared with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from call_coach_assets.sync.adapt import AdaptedQuery
from call_coach_assets.sync.checksums import source_text, source_value, target_text, target_value
from call_coach_assets.sync.digests import json_columns, source_digest, target_hash
from call_coach_assets.sync.entity import ColumnType, Entity, Placement, Reference
from call_coach_assets.sync.publication import KEY_SEPARATOR, Publication, columns_of, equal, parent_rows, same
from call_coach_assets.sync.target import METADATA, SOURCE_DELETED_AT

ROW = "q"  # the alias of a row of the entity's query
_UNKNOWN_PARENT = "?"
_SCALE = re.compile(r"numeric\(\d+,(\d+)\)")
# Columns that the mapping does not know: the types of which both ends have the same text.
_PLAIN: Mapping[tuple[str, str], ColumnType] = {
    ("STRING", "text"): ColumnType.TEXT,
    ("INT64", "bigint"): ColumnType.INTEGER,
    ("BOOL", "boolean"): ColumnType.BOOLEAN,
    ("DATE", "date"): ColumnType.DATE,
    ("TIMESTAMP", "timestamp with time zone"): ColumnType.TIMESTAMP,
    ("NUMERIC", "numeric"): ColumnType.DECIMAL,
}


@dataclass(frozen=True)
class ComparedColumn:
    """One column, or the entity's JSON columns as one: its value's text in GoogleSQL and in Postgres, never NULL."""

    name: str
    source: str
    target: sql.Composable


def source_key(names: Iterable[str]) -> str:
    """GoogleSQL: a key as text, NULL where a part is NULL."""
    parts = f", '{KEY_SEPARATOR}', ".join(source_text(f"{ROW}.{name}", ColumnType.TEXT) for name in names)
    return f"CONCAT({parts})"


def live_condition(entity: Entity) -> str:
    """GoogleSQL: whether a row of the query belongs into the target, or is a dead letter that has a key."""
    present = [f"{ROW}.{name} IS NOT NULL" for name in entity.key]
    return " AND ".join([f"NOT COALESCE({ROW}._deleted, FALSE)", *present])


def compared_columns(work: Publication, query: AdaptedQuery, *, digested: bool) -> list[ComparedColumn]:
    """The columns to compare; JSON is among them where `<entity>_rows` has its fingerprints."""
    unfed = frozenset(query.unfed_columns)
    columns = [*_plain(work, unfed), *_extras(work, query), *_references(work, unfed)]
    names = json_columns(work.entity)
    return [*columns, *([_json(work.entity, names)] if names and digested and not unfed.intersection(names) else [])]


def _plain(work: Publication, unfed: frozenset[str]) -> Iterator[ComparedColumn]:
    for column in work.entity.columns:
        left_out = column.name in {*unfed, *work.entity.key} or column.type is ColumnType.JSON
        if column.placement is Placement.SYNCED and not left_out:
            yield _column(work, column.name, column.name, column.name, column.type)


def _extras(work: Publication, query: AdaptedQuery) -> Iterator[ComparedColumn]:
    for source, column in work.target.extras.items():
        kind = _PLAIN.get((query.unknown_columns.get(source, ""), work.target.types[column]))
        if kind is not None:
            yield _column(work, column, f"_extra__{source}", column, kind)


def _column(work: Publication, name: str, source: str, column: str, kind: ColumnType) -> ComparedColumn:
    found = _SCALE.fullmatch(work.target.types[column])
    scale = int(found[1]) if found else None
    return ComparedColumn(
        name,
        source_value(source_text(f"{ROW}.`{source}`", kind, scale)),
        target_value(target_text(sql.Identifier("t", column), kind, scale)),
    )


def _references(work: Publication, unfed: frozenset[str]) -> Iterator[ComparedColumn]:
    finds_key = {reference.column for name in work.entity.key if (reference := _through(work, name))}
    for reference in work.entity.references:
        if reference.column not in finds_key and not unfed.intersection(reference.by):
            yield ComparedColumn(
                reference.column, source_value(source_key(reference.by)), target_value(_parent_key(work, reference))
            )


def _parent_key(work: Publication, reference: Reference) -> sql.Composed:
    """The key of the row's parent; of one that is to be linked when its parent arrives, the key of that."""
    alias, key = parent_alias(reference), work.entities[reference.entity].key
    return sql.SQL("CASE WHEN {own} IS NULL THEN {waits} ELSE coalesce({key}, {unknown}) END").format(
        own=sql.Identifier("t", reference.column),
        waits=sql.SQL("NULL") if reference.required else _unlinked(work, reference),
        key=_joined([sql.Identifier(alias, name) for name in key]),
        unknown=sql.Literal(_UNKNOWN_PARENT),
    )


def _unlinked(work: Publication, reference: Reference) -> sql.Composed:
    return work.compose(
        "(SELECT array_to_string(u.parent_key, {separator}) FROM {unlinked} u"
        " WHERE u.entity = %(entity)s AND u.id = t.id AND u.column_name = {column})",
        separator=sql.Literal(KEY_SEPARATOR),
        column=sql.Literal(reference.column),
    )


def _json(entity: Entity, names: tuple[str, ...]) -> ComparedColumn:
    stands = sql.SQL("CASE WHEN r.target_hash = {} THEN replace(r.source_digest::text, '-', '') END").format(
        target_hash(entity, "t")
    )
    return ComparedColumn(", ".join(names), source_value(source_digest(entity, ROW)), target_value(stands))


def parent_alias(reference: Reference) -> str:
    """The alias under which `target_rows` joins a reference's parent."""
    return f"p_{reference.column}"


def target_rows(work: Publication) -> sql.Composed:
    """The FROM and the WHERE that yield the target's rows as `t`, their bookkeeping as `r`, and their parents."""
    joins = [
        sql.SQL(" LEFT JOIN {} {} ON {}").format(
            parent_rows(work.entities[reference.entity], work.names),
            sql.Identifier(parent_alias(reference)),
            equal(parent_alias(reference), "t", [("id", reference.column)]),
        )
        for reference in work.entity.references
    ]
    return work.compose(
        "FROM {target} t LEFT JOIN {rows} r ON {same}{joins} WHERE r.source_deleted_at IS NULL{kept}",
        same=same("r", "t", work.target.identity),
        joins=sql.Composed(joins),
        kept=sql.SQL(" AND NOT coalesce({} ? {}, false)").format(
            sql.Identifier("t", METADATA), sql.Literal(SOURCE_DELETED_AT)
        )
        if work.target.keeps_metadata
        else sql.SQL(""),
    )


def target_identity(work: Publication) -> sql.Composed:
    """The columns that name a row of the target."""
    return columns_of("t", work.target.identity)


def target_parts(work: Publication) -> list[sql.Composable]:
    """The parts of a target row's key as text, each NULL where the sync does not know it."""
    return [sql.SQL("{}::text").format(_key_part(work, name)) for name in work.entity.key]


def target_key(work: Publication) -> sql.Composed:
    """The key of a target row as text; NULL where the sync does not know of which key the row is."""
    return _joined([_key_part(work, name) for name in work.entity.key])


def _key_part(work: Publication, name: str) -> sql.Composable:
    placement = work.entity.column(name).placement
    if placement in {Placement.SYNCED, Placement.INITIAL}:
        return sql.Identifier("t", name)
    reference = _through(work, name)
    if reference is None:
        return sql.Identifier("r", name)
    parent = work.entities[reference.entity]
    return sql.Identifier(parent_alias(reference), parent.key[reference.by.index(name)])


def _through(work: Publication, name: str) -> Reference | None:
    """The reference by whose parent a key column that is nowhere in the target is known."""
    if work.entity.column(name).placement is not Placement.TRANSIT:
        return None
    return next((r for r in work.entity.references if r.required and name in r.by), None)


def _joined(parts: Iterable[sql.Composable]) -> sql.Composed:
    texts = [sql.SQL("{}::text").format(part) for part in parts]
    return sql.SQL("({})").format(sql.SQL(f" || '{KEY_SEPARATOR}' || ").join(texts))

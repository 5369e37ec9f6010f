"""The expressions that turn an inbox row, which is mostly text, into typed values, its parents' ids and a verdict."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from call_coach_assets.sync.entity import ColumnType, Entity, Reference
from call_coach_assets.sync.narrowing import narrowed
from call_coach_assets.sync.publication import Publication, columns_of, equal, key_text, parent_rows
from call_coach_assets.sync.target import METADATA
from call_coach_assets.sync.versions import any_null

LONGEST_KEY = 1000

SYSTEM_COLUMNS = {
    "_n": "bigint",
    "_tid": "tid",
    "_key": "text",
    "_fresh": "boolean",
    "_new_id": "uuid",
    "_changed_at": "timestamptz",
    "_cursor": "timestamptz",
    "_deleted": "boolean",
    "_misfits": "jsonb",
    "_warned": "boolean",
    "_digest": "uuid",
    "_extra": "jsonb",
    "_problem": "text",
    "_orphaned": "boolean",
    "_waits_for": "text",
    "_verdict": "text",
}
# jsonb has no place for the character U+0000; an escape is one only after an even number of backslashes
_JSON = r"regexp_replace({}, '(?<!\\)((?:\\\\)*)\\u0000', '\1�', 'g')::jsonb"
_PLAIN_JSON = r"CASE WHEN strpos({0}, '\u0000') = 0 THEN {0}::jsonb ELSE " + _JSON.replace("{}", "{0}") + " END"

# an array of one plain text, which most are, needs no parser: it has two quotes, and what is between them is the text
_ARRAY = r"""CASE
    WHEN {raw} IS NULL OR {raw} IN ('[]', 'null') THEN '{{}}'::text[]
    WHEN {raw} LIKE '["%%"]' AND {raw} NOT LIKE '["%%"%%"]' AND strpos({raw}, '\') = 0
        THEN ARRAY[split_part({raw}, '"', 2)]
    ELSE ARRAY(
        SELECT e.value FROM jsonb_array_elements_text({json}) WITH ORDINALITY AS e (value, place) ORDER BY e.place
    )
END"""


def staged_columns(work: Publication) -> dict[str, str]:
    """The columns of the staged table with their Postgres types."""
    declared = {column.name: work.target.type_of(column.name) for column in work.entity.columns}
    references = {reference.column: "uuid" for reference in work.entity.references}
    extras = {column: work.target.types[column] for column in work.target.extras.values()}
    return {**SYSTEM_COLUMNS, **declared, **references, **extras}


def json_of(value: sql.Composable) -> sql.Composed:
    """Text parsed as jsonb, without the NUL characters that jsonb cannot hold."""
    return sql.SQL(_PLAIN_JSON).format(value)


def value_of(work: Publication, name: str) -> sql.Composable:
    """A declared column's value; text that fits the target's type is left to Postgres' assignment cast.

    An explicit cast would cut a text to the length of a varchar(n), and assignment refuses it.
    """
    column = work.entity.column(name)
    raw = sql.Identifier("i", name)
    if column.type is ColumnType.JSON:
        return _json_value(work, name, raw)
    if column.type is ColumnType.TEXT_ARRAY:
        return sql.SQL(_ARRAY).format(raw=raw, json=json_of(raw))
    if column.type is ColumnType.DECIMAL:
        return narrowed(work, column, sql.SQL("{}::numeric").format(raw))
    if column.type is ColumnType.INTEGER:
        return narrowed(work, column, raw)
    if work.target.type_of(name).startswith(("character", "text")) or column.type is not ColumnType.TEXT:
        return raw
    return sql.SQL("{}::{}").format(raw, sql.SQL(work.target.type_of(name)))


def _json_value(work: Publication, name: str, raw: sql.Identifier) -> sql.Composed:
    """A JSON column; `metadata` takes up what the mapping does not know and what no column could be added for."""
    if name == METADATA and (work.entity.new_columns == "metadata" or work.target.homeless):
        return sql.SQL("coalesce({}, '{{}}') || coalesce({}, '{{}}')").format(_unmapped(work), json_of(raw))
    return json_of(raw)


def _unmapped(work: Publication) -> sql.Composed:
    """What `metadata` takes up: every unknown column, or those that have a name in the target and no column."""
    extra = json_of(sql.SQL("i._extra"))
    if work.entity.new_columns == "metadata":
        return extra
    return sql.SQL("(SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each({}) e WHERE e.key = ANY ({}))").format(
        extra, sql.Literal(list(work.target.homeless))
    )


def extra_value(work: Publication, source: str, column: str) -> sql.Composed:
    """The value of a source column that the mapping does not know, cast to the target's type."""
    return sql.SQL("({} ->> {})::{}").format(
        json_of(sql.SQL("i._extra")), sql.Literal(source), sql.SQL(work.target.types[column])
    )


def parents(work: Publication) -> list[sql.Composed]:
    """One LEFT JOIN for each reference, alias `p_<column>`."""
    return [
        sql.SQL("LEFT JOIN {} AS {} ON {}").format(
            parent_rows(work.entities[reference.entity], work.names),
            sql.Identifier(_alias(reference)),
            equal(_alias(reference), "i", zip(work.entities[reference.entity].key, reference.by, strict=True)),
        )
        for reference in work.entity.references
    ]


def parent_id(reference: Reference) -> sql.Identifier:
    """The id of the row's parent, NULL where it is not there."""
    return sql.Identifier(_alias(reference), "id")


def _alias(reference: Reference) -> str:
    return f"p_{reference.column}"


def marker(entity: Entity, alias: str) -> sql.Composed:
    """Whether the row only says that its scope was read and has nothing in it."""
    rest = [name for name in entity.key if name not in entity.scope]
    if not entity.scope or not rest:
        return sql.Composed([sql.SQL("false")])
    present = [sql.SQL("{} IS NOT NULL").format(sql.Identifier(alias, name)) for name in entity.scope]
    absent = [sql.SQL("{} IS NULL").format(sql.Identifier(alias, name)) for name in rest]
    return sql.SQL("({})").format(sql.SQL(" AND ").join([*present, *absent]))


def problem(work: Publication) -> sql.Composed:
    """Why the row can never be published as it is; NULL where it can."""
    entity = work.entity
    required = [column.name for column in entity.columns if column.required]
    found_by = [name for reference in entity.references if reference.required for name in reference.by]
    needed = list(dict.fromkeys([*entity.key, *found_by, *required]))
    missing = [
        sql.SQL("CASE WHEN {} IS NULL THEN {} END").format(sql.Identifier("i", name), sql.Literal(f"{name} is missing"))
        for name in needed
    ]
    return sql.SQL(
        "CASE WHEN {marker} THEN i._rejected WHEN i._rejected IS NOT NULL THEN i._rejected"
        " WHEN {any_missing} OR octet_length(i._key) > {longest}"  # to count characters takes longer
        " THEN nullif(concat_ws('; ', {missing}, CASE WHEN length(i._key) > {longest} THEN {too_long} END), '') END"
    ).format(
        marker=marker(entity, "i"),
        any_missing=any_null("i", needed),
        missing=sql.SQL(", ").join(missing),
        longest=sql.Literal(LONGEST_KEY),
        too_long=sql.Literal(f"its key is longer than {LONGEST_KEY} characters"),
    )


def waits_for(work: Publication) -> sql.Composed:
    """Which required parents are not there, as text for people; NULL where none is missing."""
    missing = [
        sql.SQL("CASE WHEN {} IS NULL THEN {} || {} END").format(
            parent_id(reference), sql.Literal(f"{reference.entity} "), key_text("i", reference.by)
        )
        for reference in _required(work.entity)
    ]
    if len(missing) < 2:
        return sql.Composed(missing or [sql.SQL("NULL::text")])
    return sql.SQL("nullif(concat_ws(', ', {}), '')").format(sql.SQL(", ").join(missing))


def orphaned(work: Publication) -> sql.Composed:
    """Whether a required parent was deleted at the source, so that the row is gone with it."""
    gone = [
        work.compose(
            "({id} IS NULL AND EXISTS (SELECT FROM {tombstones} d"
            " WHERE d.entity = {parent} AND md5(d.key) = md5({key}) AND d.key = {key}))",
            id=parent_id(reference),
            parent=sql.Literal(reference.entity),
            key=key_text("i", reference.by),
        )
        for reference in _required(work.entity)
    ]
    return sql.SQL(" OR ").join([*gone, sql.SQL("false")])


def _required(entity: Entity) -> Iterable[Reference]:
    return (reference for reference in entity.references if reference.required)


def derived_id(entity: Entity) -> sql.Composed:
    """The id of a new row: the same for the same key, whenever and wherever it is computed."""
    return sql.SQL("md5(concat_ws('|', {}, {}))::uuid").format(sql.Literal(entity.name), columns_of("i", entity.key))

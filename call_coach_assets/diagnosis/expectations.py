"""What the application's tables must look like for a declaration to be published into them."""

from __future__ import annotations

from collections.abc import Iterable

from call_coach_assets.sync.entity import ColumnType, Entity

TEXTS = frozenset({"character varying", "text"})
INSTANTS = frozenset({"timestamp without time zone", "timestamp with time zone"})
ACCEPTED: dict[ColumnType, frozenset[str]] = {
    ColumnType.TEXT: TEXTS,
    ColumnType.INTEGER: frozenset({"integer", "bigint", "numeric"}),
    ColumnType.DECIMAL: frozenset({"numeric", "double precision"}),
    ColumnType.BOOLEAN: frozenset({"boolean"}),
    ColumnType.DATE: frozenset({"date"}),
    ColumnType.TIMESTAMP: INSTANTS,
    ColumnType.JSON: frozenset({"jsonb", "json"}),
    ColumnType.TEXT_ARRAY: frozenset({"character varying[]", "text[]"}),
}
UUID = frozenset({"uuid"})
STATUS_TABLE = "sync_status"
STATUS_COLUMNS: dict[str, frozenset[str]] = {
    "entity_type": TEXTS,
    "last_sync_timestamp": INSTANTS,
    "last_sync_status": TEXTS,
    "items_synced": frozenset({"integer", "bigint"}),
    "errors_count": frozenset({"integer", "bigint"}),
    "error_details": frozenset({"jsonb"}),
}

Table = dict[str, frozenset[str]]


def expected_tables(entities: Iterable[Entity]) -> dict[str, Table]:
    """The target tables of `entities` and `sync_status`: {table: {column: the Postgres types that will do}}."""
    return {**{entity.name: _expected_columns(entity) for entity in entities}, STATUS_TABLE: STATUS_COLUMNS}


def _expected_columns(entity: Entity) -> Table:
    columns: Table = {"id": UUID} if entity.has_id else {}
    columns |= {name: ACCEPTED[entity.column(name).type] for name in entity.target_columns}
    columns |= {reference.column: UUID for reference in entity.references}
    return columns | ({entity.touch: INSTANTS} if entity.touch else {})

"""The inbox: the shape of the table in which an entity's rows wait to be published, whatever the source does.

Every declared column, then what the query says about the row (`_changed_at`, `_deleted`, `_rejected`, `_warnings`),
then what the sync adds: `_extra` (columns that the mapping does not know, as JSON text), `_misfits` (raw texts of
values that do not fit their column, as JSON text), `_digest` (the fingerprint of the row's JSON as it came) and
`_cursor` (what may move the cursor). dlt adds `_dlt_load_id`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from call_coach_assets.sync.entity import ColumnType, Entity

if TYPE_CHECKING:
    import pyarrow as pa

CURSOR = "_cursor"
CHANGED_AT = "_changed_at"
WARNINGS = "_warnings"
EXTRA = "_extra"
EXTRA_PREFIX = "_extra__"
MISFIT_PREFIX = "_misfit__"
MISFITS = "_misfits"
DIGEST = "_digest"

_SAID_BY_THE_QUERY = {
    CHANGED_AT: ColumnType.TIMESTAMP,
    "_deleted": ColumnType.BOOLEAN,
    "_rejected": ColumnType.TEXT,
    WARNINGS: ColumnType.TEXT_ARRAY,
}
_ADDED = {
    EXTRA: ColumnType.TEXT,
    MISFITS: ColumnType.TEXT,
    DIGEST: ColumnType.TEXT,
    CURSOR: ColumnType.TIMESTAMP,
}
_DLT_TYPES = {
    ColumnType.INTEGER: "bigint",
    ColumnType.BOOLEAN: "bool",
    ColumnType.DATE: "date",
    ColumnType.TIMESTAMP: "timestamp",
}


def inbox_table(entity: Entity) -> str:
    """The inbox's name, within the schema `settings.sync_schema`."""
    return f"inbox_{entity.name}"


def query_columns(entity: Entity) -> dict[str, ColumnType]:
    """The columns that the entity's query yields, in order."""
    return {column.name: column.type for column in entity.columns} | _SAID_BY_THE_QUERY


def arrow_schema(entity: Entity) -> pa.Schema:
    """The Arrow schema of every batch that is landed; all columns are nullable."""
    import pyarrow as pa

    return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in _columns(entity).items()])


def arrow_type(kind: ColumnType) -> pa.DataType:
    """The Arrow type in which a column travels."""
    import pyarrow as pa

    carried: dict[ColumnType, pa.DataType] = {
        ColumnType.INTEGER: pa.int64(),
        ColumnType.BOOLEAN: pa.bool_(),
        ColumnType.DATE: pa.date32(),
        ColumnType.TIMESTAMP: pa.timestamp("us", "UTC"),
    }
    return carried.get(kind, pa.string())


def dlt_columns(entity: Entity) -> dict[str, dict[str, Any]]:
    """dlt's column hints for the inbox, which fix its shape before the first row is read."""
    hints = {name: _hint(name, kind) for name, kind in _columns(entity).items()}
    return hints | {"_dlt_load_id": {"name": "_dlt_load_id", "data_type": "text", "nullable": False}}


def _hint(name: str, kind: ColumnType) -> dict[str, Any]:
    hint: dict[str, Any] = {"name": name, "data_type": _DLT_TYPES.get(kind, "text"), "nullable": True}
    return hint | ({"timezone": True, "precision": 6} if kind is ColumnType.TIMESTAMP else {})


def _columns(entity: Entity) -> dict[str, ColumnType]:
    return query_columns(entity) | _ADDED

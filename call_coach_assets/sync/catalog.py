"""The source tables as they are right now: columns, size, last change. Asking is free: no query runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity, SourceTable

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

_SECONDS = 20.0
_AT_ONCE = 8
_STANDARD_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}
_WHOLE_PROJECT = re.compile(r"\bNot found: Project\b", re.IGNORECASE)


@dataclass(frozen=True)
class LiveTable:
    """A table of the warehouse: each column's BigQuery type by its name, and what BigQuery knows of its contents.

    A repeated column's type is ARRAY. `last_modified` is an aware UTC datetime; all but `columns` are None for a view.
    What is being streamed into a table is in none of the figures yet.
    """

    columns: Mapping[str, str]
    last_modified: datetime | None = None
    rows: int | None = None
    bytes: int | None = None
    streamed: bool = False

    @property
    def dated(self) -> bool:
        """Whether `last_modified` tells of every change."""
        return self.last_modified is not None and not self.streamed


def table_path(table: SourceTable, settings: Settings) -> str:
    """`project.dataset.table`, as the settings place it."""
    return f"{settings.bigquery_project}.{settings.dataset(table.dataset)}.{table.table}"


def read_catalog(client: Client, entity: Entity, settings: Settings) -> dict[str, LiveTable | None]:
    """The entity's source tables by `dataset.table`; None where the warehouse has none of the name.

    Raises the SourceError family where BigQuery does not say.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda table: _look_up(client, table_path(table, settings)), entity.tables)
        return dict(zip((table.name for table in entity.tables), found, strict=True))


def _look_up(client: Client, path: str) -> LiveTable | None:
    from google.api_core.exceptions import NotFound

    from call_coach_assets.sync.bigquery_errors import FAILURES, translate

    what = f"Looking at the table {path}"
    try:
        table: Any = client.get_table(path, retry=None, timeout=_SECONDS)  # type: ignore[arg-type]
    except NotFound as error:
        if _WHOLE_PROJECT.search(str(error)):
            raise translate(error, what) from error
        return None
    except FAILURES as error:
        raise translate(error, what) from error
    columns = {field.name: _type(field) for field in table.schema}
    if table.table_type != "TABLE":
        return LiveTable(columns)
    return LiveTable(columns, table.modified, table.num_rows, table.num_bytes, table.streaming_buffer is not None)


def _type(field: Any) -> str:
    return "ARRAY" if field.mode == "REPEATED" else _STANDARD_NAMES.get(field.field_type, field.field_type)

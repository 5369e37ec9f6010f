"""A warehouse of one test: a project in the emulator, empty at first and filled by hand, table by table.

Every test's project has the same name: the text of a query is the same in all of them then, and the emulator, which
remembers translations, answers it in a fraction of the time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from google.cloud import bigquery

from call_coach_assets.local.sample import SampleTable
from call_coach_assets.local.sample_load import emulator_client, load_table
from call_coach_assets.local.sample_schema import OPTIONAL_TABLES, SOURCE_SCHEMAS

DATASETS = {"gong": "gongio_ft", "salesforce": "salesforce"}
FIRST_STAMP = datetime(2025, 1, 6, 8, 0, tzinfo=UTC)
_NAME = re.compile(r"\b(gong|salesforce)\.(\w+)\b")
_TYPES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


class Warehouse:
    """Tables are named as in the queries: `gong.call`, `salesforce.opportunity`.

    `now` is the stamp of the last change; each `insert` and `update` moves it on by `step`.
    """

    def __init__(self, url: str, project: str = "coach-tests") -> None:
        self.url = url
        self.project = project
        self.client = emulator_client(url, project)
        self.now = FIRST_STAMP
        self.step = timedelta(minutes=1)
        self._schemas: dict[str, dict[str, str]] = {}
        for dataset in DATASETS.values():
            self.client.delete_dataset(dataset, delete_contents=True, not_found_ok=True)
            self.client.create_dataset(dataset)

    def create(self, table: str, schema: Mapping[str, str] | None = None) -> None:
        """Create an empty table with the columns of the sample, or with `schema`."""
        columns = dict(schema or SOURCE_SCHEMAS[table])
        fields = [bigquery.SchemaField(name, kind) for name, kind in columns.items()]
        self.client.create_table(bigquery.Table(self.path(table), schema=fields))
        self._schemas[table] = columns

    def create_all(self, *, optional: bool = True, without: Iterable[str] = ()) -> None:
        """Create every source table empty, without the optional ones where `optional` is False."""
        left_out = {*without, *(() if optional else OPTIONAL_TABLES)}
        for table in SOURCE_SCHEMAS:
            if table not in left_out and table not in self._schemas:
                self.create(table)

    def insert(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert rows; what they lack is NULL, the stamp (`now`, moved on) and the deleted flag (false) excepted."""
        if table not in self._schemas:
            self.create(table)
        defaults = {"_fivetran_synced": self.advance(), "_fivetran_deleted": False, "is_deleted": False}
        schema = self.schema(table)
        filled = [{**{k: v for k, v in defaults.items() if k in schema}, **row} for row in rows]
        for row in filled:
            unknown = sorted(set(row) - set(schema))
            assert not unknown, f"{table} has no column {unknown}"
        wire = [{name: _json(value) for name, value in row.items()} for row in filled]
        errors = self.client.insert_rows_json(self.path(table), wire, retry=None) if wire else []
        assert not errors, errors

    def load(self, tables: Mapping[str, SampleTable]) -> None:
        """Create tables and load their rows in one go each: the way for many rows."""
        for name, table in tables.items():
            load_table(self.client, self.path(name), table)
            self._schemas[name] = dict(table.schema)

    def update(self, table: str, where: Mapping[str, Any], *, restamp: bool = True, **values: Any) -> None:
        """Set `values` in the rows that equal `where`; their stamp moves on unless `restamp` is False."""
        if restamp and "_fivetran_synced" in self.schema(table):
            values = {"_fivetran_synced": self.advance(), **values}
        parameters = _Parameters(self.schema(table))
        changes = ", ".join(f"`{name}` = {parameters.use(name, value)}" for name, value in values.items())
        self.sql(f"UPDATE {table} SET {changes} WHERE {parameters.condition(where)}", parameters)

    def delete(self, table: str, **where: Any) -> None:
        """Delete the rows that equal `where` outright, as a re-import does; all of them without one."""
        parameters = _Parameters(self.schema(table))
        self.sql(f"DELETE FROM {table} WHERE {parameters.condition(where)}", parameters)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Every row of the table."""
        return [dict(row) for row in self.client.list_rows(self.path(table))]

    def drop(self, table: str) -> None:
        """Drop the table."""
        self.client.delete_table(self.path(table))
        self._schemas.pop(table, None)

    def alter(self, statement: str) -> None:
        """Run DDL in which tables are named as here, such as ALTER TABLE gong.call ADD COLUMN mood STRING."""
        self.sql(statement)
        self._schemas = {
            name: {field.name: _TYPES.get(field.field_type, field.field_type) for field in found.schema}
            for name in self._schemas
            for found in [self.client.get_table(self.path(name))]
        }

    def sql(self, statement: str, parameters: _Parameters | None = None) -> list[dict[str, Any]]:
        """Run a statement in which tables are named as here; return its rows."""
        text = _NAME.sub(lambda found: f"`{self.path(found[0])}`", statement)
        config = bigquery.QueryJobConfig(query_parameters=parameters.used if parameters else [])
        return [dict(row) for row in self.client.query(text, job_config=config).result()]

    def advance(self, by: timedelta | None = None) -> datetime:
        """Move `now` on by a step, or by `by`; return it."""
        self.now += self.step if by is None else by
        return self.now

    def schema(self, table: str) -> dict[str, str]:
        """The columns that the table was created with, and their types."""
        return self._schemas[table]

    def path(self, table: str) -> str:
        """The full name `project.dataset.table`."""
        dataset, _, name = table.partition(".")
        return f"{self.project}.{DATASETS[dataset]}.{name}"


class _Parameters:
    """Query parameters, so that the text of a statement stays the same whatever its values."""

    def __init__(self, schema: Mapping[str, str]) -> None:
        self.schema = schema
        self.used: list[bigquery.ScalarQueryParameter] = []

    def use(self, column: str, value: Any) -> str:
        name = f"p{len(self.used)}"
        self.used.append(bigquery.ScalarQueryParameter(name, self.schema[column], value))
        return f"@{name}"

    def condition(self, where: Mapping[str, Any]) -> str:
        parts = [f"`{k}` IS NULL" if v is None else f"`{k}` = {self.use(k, v)}" for k, v in where.items()]
        return " AND ".join(parts) or "TRUE"


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) or hasattr(value, "isoformat") else value

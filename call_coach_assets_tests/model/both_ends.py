"""The two real ends of a history. A new one begins with copies, of a database and of source rows, not with a sync."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import Any

import psycopg
from psycopg import sql

from call_coach_assets.local.databases import create_database, drop_database
from call_coach_assets.settings import Settings
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets.sync.reconcile import reconcile
from call_coach_assets.sync.reconciliations import Reconciliation
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.model.tiny_schema import as_stored
from call_coach_assets_tests.model.tiny_source import KINDS, SourceRow, Values
from call_coach_assets_tests.oracle import ENTITIES, World, observed
from call_coach_assets_tests.oracle.judge import PARENTS_FIRST
from call_coach_assets_tests.warehouse import Warehouse

_APPLICATION, _BEGUN = "application", "begun"


class BothEnds:
    """A warehouse and a database; `settings` point at both.

    `emulator` and `server` are URLs; the server has a database `application`, with the application's tables.
    """

    def __init__(self, emulator: str, server: str) -> None:
        self.emulator = emulator
        self.server = server
        self.entities = load_entities()
        self.template = _APPLICATION
        self.numbers = count(1)
        self.databases: list[str] = []
        self.warehouse: Warehouse
        self.settings: Settings
        self.present: dict[SourceRow, Values]  # what the rows say, whatever type a column has

    def empty(self) -> None:
        """Begin anew: every source table is there and holds nothing; the database is as `keep` left it."""
        self.close()
        self.warehouse = Warehouse(self.emulator)
        self.warehouse.create_all()
        self.present = {}
        name = f"history_{next(self.numbers)}"
        database = create_database(self.server, name, template=self.template)
        self.databases.append(name)
        self.settings = settings_for(database, self.warehouse)

    @property
    def begun(self) -> bool:
        """Whether new databases are copies of one that was kept."""
        return self.template == _BEGUN

    def keep(self) -> None:
        """Let later histories begin with the database as it is now."""
        close_pools()
        create_database(self.server, _BEGUN, template=self.databases[-1])
        self.template = _BEGUN

    def close(self) -> None:
        """Let go of the warehouse and drop the database."""
        if hasattr(self, "warehouse"):
            self.warehouse.client.close()  # type: ignore[no-untyped-call]
            close_pools()
        while self.databases:
            drop_database(self.server, self.databases.pop())

    def forget(self) -> None:
        """Close, and drop the database that histories begin with."""
        self.close()
        drop_database(self.server, _BEGUN)
        self.template = _APPLICATION

    def put(self, row: SourceRow, values: Values) -> None:
        """Insert a row, or update it where it is there; `values` hold its stamp."""
        key, stored = self.stored(row.table, row.key), self.stored(row.table, values)
        if row in self.present:
            self.warehouse.update(row.table, key, restamp=False, **stored)
        else:
            self.warehouse.insert(row.table, [{**key, **stored}])
        self.present[row] = {**self.present.get(row, row.key), **values}

    def remove(self, row: SourceRow) -> None:
        """Delete a row outright."""
        self.warehouse.delete(row.table, **self.stored(row.table, row.key))
        del self.present[row]

    def stamp(self, table: str, stamp: datetime) -> None:
        """Stamp every row of a table alike."""
        self.warehouse.update(table, {}, restamp=False, _fivetran_synced=stamp)
        for values in (values for row, values in self.present.items() if row.table == table):
            values["_fivetran_synced"] = stamp

    def fill(self, table: str) -> None:
        """Insert every row of an empty table."""
        rows = [self.stored(table, values) for row, values in self.present.items() if row.table == table]
        self.warehouse.insert(table, rows)

    def reshape(self, table: str, schema: Mapping[str, str]) -> None:
        """Give a table other columns, as Fivetran does: it is written anew, each row with its stamp."""
        self.warehouse.drop(table)
        self.warehouse.create(table, schema)
        self.fill(table)

    def stored(self, table: str, values: Values) -> Values:
        """The values as the table's columns hold them now, of those that it has."""
        schema = self.warehouse.schema(table)
        return {name: as_stored(value, schema[name]) for name, value in values.items() if name in schema}

    def tables(self) -> dict[str, list[Values]]:
        """Every source row."""
        found: dict[str, list[Values]] = {table: [] for table in KINDS}
        for row, values in self.present.items():
            found[row.table].append(self.stored(row.table, values))
        return found

    def observe(self) -> tuple[World, dict[str, int]]:
        """What the database holds, and how many rows each table has."""
        with psycopg.connect(self.settings.database_url) as connection:
            counts = {
                entity: connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(entity))).rowcount
                for entity in ENTITIES
            }
            return observed(connection, self.settings.sync_schema), counts

    def query(self, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement as the application does; the rows that it yields."""
        with psycopg.connect(self.settings.database_url) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def reconcile_all(self) -> list[Reconciliation]:
        """Reconcile every entity, parents first."""
        return [reconcile(self.entities[name], self.entities, self.settings, "history") for name in PARENTS_FIRST]

"""The two real ends of a history: emptied for the next one instead of made anew."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from call_coach_assets.settings import Settings
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.reconcile import reconcile
from call_coach_assets.sync.reconciliations import Reconciliation
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.model.tiny_source import KINDS, SourceRow, Values
from call_coach_assets_tests.oracle import ENTITIES, World, observed
from call_coach_assets_tests.oracle.judge import PARENTS_FIRST
from call_coach_assets_tests.warehouse import Warehouse

_APPLICATION = ("calls", "opportunities", "emails", "sync_status", "coaching_sessions", "speaker_role_history")
_KEPT = "_dlt_version"  # dlt makes no table that it has noted there
_ADDED = """
SELECT attrelid::regclass::text, attname::text FROM pg_attribute
WHERE attnum > 0 AND NOT attisdropped AND col_description(attrelid, attnum) LIKE 'Added by call-coach%'
"""
_NEVER = """
INSERT INTO sync_status (entity_type, last_sync_timestamp, last_sync_status)
VALUES ('opportunities', '2020-01-01 00:00+00', 'never'), ('emails', '2020-01-01 00:00+00', 'never')
"""


class BothEnds:
    """A warehouse and a database; `settings` point at both."""

    def __init__(self, emulator: str, database: str) -> None:
        self.emulator = emulator
        self.database = database
        self.entities = load_entities()
        self.warehouse: Warehouse
        self.settings: Settings
        self.present: dict[SourceRow, Values]

    def empty(self) -> None:
        """Begin anew: every table is there, and no row at either end."""
        self.close()
        self.warehouse = Warehouse(self.emulator)
        self.settings = settings_for(self.database, self.warehouse)
        self.warehouse.create_all()
        self.present = {}
        with psycopg.connect(self.database) as connection:
            tables = [sql.Identifier(name) for name in _APPLICATION]
            found = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename <> %s",
                [self.settings.sync_schema, _KEPT],
            )
            tables += [sql.Identifier(self.settings.sync_schema, name) for (name,) in found]
            connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(tables)))
            for table, column in connection.execute(_ADDED).fetchall():
                drop = sql.SQL("ALTER TABLE {} DROP COLUMN {}")
                connection.execute(drop.format(sql.Identifier(table), sql.Identifier(column)))
            connection.execute(_NEVER)

    def close(self) -> None:
        """Let go of the warehouse."""
        if hasattr(self, "warehouse"):
            self.warehouse.client.close()  # type: ignore[no-untyped-call]

    def put(self, row: SourceRow, values: Values) -> None:
        """Insert a row, or update it where it is there; `values` hold its stamp."""
        known = {name: value for name, value in values.items() if name in self.warehouse.schema(row.table)}
        if row in self.present:
            self.warehouse.update(row.table, row.key, restamp=False, **known)
        else:
            self.warehouse.insert(row.table, [{**row.key, **known}])
        self.present[row] = {**self.present.get(row, row.key), **known}

    def remove(self, row: SourceRow) -> None:
        """Delete a row outright."""
        self.warehouse.delete(row.table, **row.key)
        del self.present[row]

    def tables(self) -> dict[str, list[Values]]:
        """Every source row."""
        found: dict[str, list[Values]] = {table: [] for table in KINDS}
        for row, values in self.present.items():
            found[row.table].append(values)
        return found

    def observe(self) -> tuple[World, dict[str, int]]:
        """What the database holds, and how many rows each table has."""
        with psycopg.connect(self.database) as connection:
            counts = {
                entity: connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(entity))).rowcount
                for entity in ENTITIES
            }
            return observed(connection, self.settings.sync_schema), counts

    def query(self, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement as the application does; the rows that it yields."""
        with psycopg.connect(self.database) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def reconcile_all(self) -> list[Reconciliation]:
        """Reconcile every entity, parents first."""
        return [reconcile(self.entities[name], self.entities, self.settings, "history") for name in PARENTS_FIRST]

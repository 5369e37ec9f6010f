"""An inbox that a test fills by hand, in place of BigQuery and dlt, and the publishes of what is in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql

import call_coach_assets
from call_coach_assets.settings import Settings, read_settings
from call_coach_assets.sync.bookkeeping import Refetch, ensure
from call_coach_assets.sync.entity import ColumnType, Entity
from call_coach_assets.sync.publish import Published, RunInfo, publish

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
_SYSTEM = {
    "_changed_at": "timestamptz",
    "_deleted": "boolean",
    "_rejected": "varchar",
    "_warnings": "varchar",
    "_extra": "varchar",
    "_misfits": "varchar",
    "_cursor": "timestamptz",
    "_dlt_load_id": "varchar",
}
_TYPES = {
    ColumnType.INTEGER: "bigint",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DATE: "date",
    ColumnType.TIMESTAMP: "timestamptz",
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "calls": {"title": "A call", "metadata": "{}", "prefect_reps": "[]", "processed_at": NOON},
    "speakers": {"name": "Jo", "company_side": False},
    "transcripts": {"text": "words", "topics": '["Intro"]', "chunk_metadata": "{}"},
    "opportunities": {"name": "A deal", "metadata": "{}"},
    "emails": {"sent_at": NOON, "recipients": "[]", "metadata": "{}"},
    "call_opportunities": {},
}


def declared() -> dict[str, Entity]:
    """The project's six entities, without their queries."""
    folders = sorted((Path(call_coach_assets.__file__).parent / "defs").glob("*/defs.yaml"))
    entities = [Entity.model_validate(yaml.safe_load(path.read_text())["attributes"]) for path in folders]
    return {entity.name: entity for entity in entities}


ENTITIES = declared()


class Inbox:
    """A database with the sync's tables and one inbox for each entity; every `land` is a load of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.settings: Settings = read_settings(_env_file=None, DATABASE_URL=url)
        self.connection = psycopg.connect(url, autocommit=True, prepare_threshold=None, options="-c timezone=UTC")
        self.schema = self.settings.sync_schema
        self.entities = ENTITIES
        self._landed: dict[str, str] = {}  # by entity: the load that the next publish completes
        self._loads = count(1_740_000_000)
        ensure(self.connection, ENTITIES, self.schema)
        for entity in ENTITIES.values():
            self._create(entity)

    def _create(self, entity: Entity) -> None:
        columns = {column.name: _TYPES.get(column.type, "varchar") for column in entity.columns} | _SYSTEM
        self.connection.execute(
            sql.SQL("CREATE TABLE {} ({})").format(
                self.table(entity.name),
                sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in columns.items()),
            )
        )

    def table(self, entity: str) -> sql.Identifier:
        return sql.Identifier(self.schema, f"inbox_{entity}")

    def land(self, entity: str, *rows: dict[str, Any], load: str | None = None, minutes: int = 0) -> str:
        """Land rows as one load; what a row does not say is filled in, `minutes` after noon is its stamp."""
        load = load or f"{next(self._loads)}.5"
        stamp = NOON + timedelta(minutes=minutes)
        fixed = {"_changed_at": stamp, "_cursor": stamp, "_deleted": False, "_warnings": "[]", "_dlt_load_id": load}
        for row in rows:
            values = {**_DEFAULTS[entity], **fixed, **row}
            self.connection.execute(
                sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    self.table(entity),
                    sql.SQL(", ").join(map(sql.Identifier, values)),
                    sql.SQL(", ").join(sql.Placeholder() * len(values)),
                ),
                [json.dumps(v) if isinstance(v, dict | list) else v for v in values.values()],
            )
        self._landed[entity] = load
        return load

    def publish(self, entity: str, **run: Any) -> Published:
        landed = self._landed.pop(entity, None)
        given = {"run_id": "run", "query_sha256": "f" * 64, "load_ids": (landed,) if landed else (), **run}
        return publish(self.connection, ENTITIES[entity], ENTITIES, self.settings, RunInfo(**given))

    def sync(self, entity: str, *rows: dict[str, Any], minutes: int = 0, **run: Any) -> Published:
        """Land rows and publish them."""
        if rows:
            self.land(entity, *rows, minutes=minutes)
        return self.publish(entity, **run)

    def rows(self, statement: str, *parameters: Any) -> list[Any]:
        """The rows of a statement in which `sync.` is the sync's schema; rows of one column as their values."""
        text = statement.replace("sync.", f"{self.schema}.").encode()
        found = self.connection.execute(text, parameters or None).fetchall()
        return [row[0] if len(row) == 1 else row for row in found]

    def run(self, statement: str, *parameters: Any) -> None:
        self.connection.execute(statement.replace("sync.", f"{self.schema}.").encode(), parameters or None)

    def status(self, entity: str) -> tuple[Any, ...]:
        """Checkpoint, status, items, errors and the errors' keys and reasons."""
        (found,) = self.rows(
            "SELECT last_sync_timestamp, last_sync_status, items_synced, errors_count, error_details"
            " FROM sync_status WHERE entity_type = %s",
            entity,
        )
        *figures, details = found
        return (*figures, [(detail["key"], detail["reason"]) for detail in details])

    def refetch(self, entity: str) -> list[Refetch]:
        return [
            Refetch(*row)
            for row in self.rows("SELECT column_name, key, since FROM sync.refetch WHERE entity = %s", entity)
        ]

    def versions(self, entity: str) -> list[Any]:
        """What changes whenever a row of the target is written."""
        return self.rows(f"SELECT ctid::text, xmin::text FROM {entity} ORDER BY 1")

    def close(self) -> None:
        self.connection.close()


def call(number: int | str, **values: Any) -> dict[str, Any]:
    return {"gong_call_id": str(number), **values}


def speaker(number: int | str, key: str, **values: Any) -> dict[str, Any]:
    return {"gong_call_id": str(number), "gong_speaker_id": key, **values}


def line(number: int | str, index: int, **values: Any) -> dict[str, Any]:
    return {"gong_call_id": str(number), "sequence_number": index, **values}


def deal(key: str | None, **values: Any) -> dict[str, Any]:
    return {"gong_opportunity_id": key, **values}


def email(key: str | None, **values: Any) -> dict[str, Any]:
    return {"gong_email_id": key, **values}


def pair(number: int | str, key: str | None, **values: Any) -> dict[str, Any]:
    return {"gong_call_id": str(number), "gong_opportunity_id": key, **values}

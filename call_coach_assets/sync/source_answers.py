"""Questions that need not be asked again: nothing that BigQuery would answer them from was written since it did.

Of each table BigQuery says when it was written last and how large it is. That is free, and an answer is billed by the
byte. Where all of it, and the question to the letter, are as they were when the question was answered, the answer is
the same. Fivetran often writes a table less than once in an hour; where it wrote none of an entity's, the sync reads
nothing, however large the tables are.

The tables are looked at before the question is asked, so what is written meanwhile makes them differ the next time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from psycopg import sql
from psycopg.types.json import Jsonb

from call_coach_assets.settings import Settings
from call_coach_assets.sync.catalog import LiveTable
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection, Pool, transaction

if TYPE_CHECKING:
    from call_coach_assets.sync.adapt import AdaptedQuery

Tables = Mapping[str, LiveTable | None]

_RECALL = "SELECT answer FROM {source_answers} WHERE entity = %s AND question = %s AND fingerprint = %s"
_REMEMBER = """
INSERT INTO {source_answers} (entity, question, fingerprint, answer) VALUES (%s, %s, %s, %s)
ON CONFLICT (entity, question) DO UPDATE
SET fingerprint = excluded.fingerprint, answer = excluded.answer, answered_at = now()
"""


@dataclass(frozen=True)
class Question:
    """A question about an entity: the fingerprint is of all that it asks, and of the tables that are asked."""

    entity: str
    kind: Literal["read", "count"]
    fingerprint: str


def question(
    entity: Entity, kind: Literal["read", "count"], asked: Mapping[str, object], tables: Tables, settings: Settings
) -> Question | None:
    """The question that `asked` puts to `tables`; None where BigQuery does not say whether one of them changed.

    It does not of views, nor of what is streamed into a table; of emulators see SYNC_SKIP_UNCHANGED.
    """
    if not settings.skips_unchanged or any(table is not None and not table.dated for table in tables.values()):
        return None
    states = {name: table and [table.last_modified, table.rows, table.bytes] for name, table in tables.items()}
    text = json.dumps([asked, states], default=str, sort_keys=True)
    return Question(entity.name, kind, hashlib.sha256(text.encode()).hexdigest())


def reading(entity: Entity, query: AdaptedQuery, tables: Tables, settings: Settings) -> Question | None:
    """Which rows `entity` has; not asked about is the point from which they are read."""
    declared = entity.model_dump(mode="json", exclude={"folder"})
    asked = {"entity": declared, "sql": query.sql, "domains": settings.domains, "lag": settings.sync_overlap_minutes}
    return question(entity, "read", asked, tables, settings)


def last_write(tables: Tables) -> datetime | None:
    """When any of the tables was written last, aware UTC; None where BigQuery does not say."""
    return max((table.last_modified for table in tables.values() if table and table.last_modified), default=None)


def recall(database: Pool | Connection, asked: Question | None, schema: str) -> dict[str, Any] | None:
    """What was answered; None where it has to be asked."""
    if asked is None:
        return None
    with transaction(database, f"looking up what BigQuery answered for {asked.entity}") as connection:
        statement = sql.SQL(_RECALL).format(**Names(schema).parts())
        row = connection.execute(statement, [asked.entity, asked.kind, asked.fingerprint]).fetchone()
    return row[0] if row else None


def remember(database: Pool | Connection, asked: Question | None, schema: str, answer: Mapping[str, Any]) -> None:
    """Keep an answer in the place of the last one of its kind."""
    if asked is None:
        return
    with transaction(database, f"keeping what BigQuery answered for {asked.entity}") as connection:
        statement = sql.SQL(_REMEMBER).format(**Names(schema).parts())
        connection.execute(statement, [asked.entity, asked.kind, asked.fingerprint, Jsonb(dict(answer))])

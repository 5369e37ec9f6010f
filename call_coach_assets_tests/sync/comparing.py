"""How tests of a reconcile look at both ends, and what they tamper with."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from call_coach_assets.settings import Settings
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.reconcile import reconcile
from call_coach_assets.sync.reconciliations import Reconciliation
from call_coach_assets_tests.oracle import differences, observed
from call_coach_assets_tests.oracle.judge import PARENTS_FIRST
from call_coach_assets_tests.sync.conftest import Sample

ENTITIES = load_entities()
# One column of each row of `numbered` is changed, so that each is counted once.
TAMPERING = {
    "calls": {
        "title": "title || '!'",
        "scheduled_at": "coalesce(scheduled_at, '2020-01-01') + interval '1 microsecond'",
        "duration_seconds": "NULLIF(coalesce(duration_seconds, 0) + 1, -1)",
        "date": "coalesce(date, '2020-01-01') + 1",
        "prefect_reps": "prefect_reps || 'Nobody'::varchar",
        "metadata": """coalesce(metadata, '{}') || '{"direction": "sideways"}'""",
    },
    "speakers": {"email": "'x' || coalesce(email, '')", "company_side": "NOT company_side"},
    "opportunities": {"amount": "coalesce(amount, 0) + 0.01", "stage": "coalesce(stage, '') || ' '"},
    "emails": {
        "opportunity_id": "CASE WHEN opportunity_id IS NULL THEN (SELECT min(id::text)::uuid FROM opportunities) END",
        "recipients": "NULL",
        "sent_at": "coalesce(sent_at, now()) + interval '1 second'",
    },
    "transcripts": {
        "speaker_id": "(SELECT max(s.id::text)::uuid FROM speakers s WHERE s.call_id <> transcripts.call_id)",
        "topics": "CASE WHEN topics = '{}' THEN NULL ELSE '{}'::varchar[] END",
        "chunk_metadata": "NULL",
    },
}


def execute(settings: Settings, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(settings.database_url) as connection:
        cursor = connection.execute(statement.replace("sync.", "call_coach_sync.").encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []


def run(settings: Settings, *names: str, dry_run: bool = False) -> dict[str, Reconciliation]:
    return {
        name: reconcile(ENTITIES[name], ENTITIES, settings, "compare", dry_run=dry_run)
        for name in names or PARENTS_FIRST
    }


def unlike(sample: Sample, settings: Settings) -> list[str]:
    with psycopg.connect(settings.database_url) as connection:
        return differences(sample.world, observed(connection))


def everything(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """The version of every row, and the columns, of every table of the application and of the sync."""
    with psycopg.connect(settings.database_url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'call_coach_sync')"
        ).fetchall()
        return {
            f"{schema}.{table}": connection.execute(
                sql.SQL(
                    "SELECT array_agg(ctid::text || '/' || xmin ORDER BY ctid), (SELECT array_agg(attname::text)"
                    " FROM pg_attribute WHERE attrelid = {}::regclass AND NOT attisdropped) FROM {}"
                ).format(sql.Literal(f"{schema}.{table}"), sql.Identifier(schema, table))
            ).fetchall()
            for schema, table in tables
        }

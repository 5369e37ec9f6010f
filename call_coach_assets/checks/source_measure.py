"""What the source's end is like right after a read: live rows, newest change, and the tables as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from call_coach_assets.checks.count_query import count_query
from call_coach_assets.settings import Settings
from call_coach_assets.sync.adapt import AdaptedQuery, adapt
from call_coach_assets.sync.bigquery import Parameter, client_for, run_query
from call_coach_assets.sync.catalog import LiveTable, read_catalog
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.postgres import Pool
from call_coach_assets.sync.source_answers import question, recall, remember

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

_EVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SourceMeasure:
    """`rows` are those that belong into the target; of them, `newer` changed after the cut-off."""

    rows: int
    newer: int
    newest: datetime | None
    bytes_billed: int
    adapted: AdaptedQuery
    tables: Mapping[str, LiveTable | None]


@dataclass(frozen=True)
class _Counted:
    """The answer of the count query, as it is kept: `newest` is an ISO timestamp."""

    rows: int
    newer: int
    newest: str | None


def measure_source(
    entity: Entity,
    settings: Settings,
    cutoff: datetime | None,
    gone: Mapping[str, Sequence[str]],
    *,
    publishable: bool = True,
    answers: Pool | None = None,
) -> SourceMeasure:
    """Count the source rows of `entity` by its own query; those of dead letters too where not only the `publishable`.

    `cutoff` is the newest change that the target has; `gone` holds, by column, keys of parents that were deleted: their
    children are in the source but not in the target. Where `answers` has the same count of the same tables, it is not
    asked for again, and bills nothing. Raises the SourceError family.
    """
    with closing(client_for(settings)) as client:
        tables = read_catalog(client, entity, settings)
        adapted = adapt(entity, tables, settings)
        sql = count_query(entity, adapted.sql, gone, publishable=publishable)
        parameters: dict[str, Parameter] = {
            "cursor": _EVER,
            "company_domains": settings.domains,
            "cutoff": cutoff or _EVER,
            **{f"gone_{column}": list(keys) for column, keys in gone.items()},
        }
        asked = question(entity, "count", {"sql": sql, **parameters}, tables, settings) if answers else None
        known = recall(answers, asked, settings.sync_schema) if answers else None
        counted, billed = (_Counted(**known), 0) if known else _count(client, entity, settings, sql, parameters)
        if answers and not known:
            remember(answers, asked, settings.sync_schema, asdict(counted))
    newest = datetime.fromisoformat(counted.newest) if counted.newest else None
    return SourceMeasure(counted.rows, counted.newer, newest, billed, adapted, tables)


def _count(
    client: Client, entity: Entity, settings: Settings, sql: str, parameters: Mapping[str, Parameter]
) -> tuple[_Counted, int]:
    """The answer to the count query, and the bytes that it billed."""
    answer = run_query(
        client,
        sql,
        parameters,
        settings,
        what=f"counting the source rows of {entity.name}",
        labels={"job": "call-coach", "entity": entity.name, "part": "check"},
    )
    found = next(row for batch in answer.batches for row in batch.to_pylist())
    newest = found["newest"].isoformat() if found["newest"] else None
    return _Counted(int(found["counted"]), int(found["newer"] or 0), newest), answer.bytes_billed

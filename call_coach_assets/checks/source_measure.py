"""What the source's end is like right after a read: live rows, newest change, and the tables as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from call_coach_assets.checks.count_query import count_query
from call_coach_assets.settings import Settings
from call_coach_assets.sync.adapt import AdaptedQuery, adapt
from call_coach_assets.sync.bigquery import Parameter, client_for, run_query
from call_coach_assets.sync.catalog import LiveTable, read_catalog
from call_coach_assets.sync.entity import Entity

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


def measure_source(
    entity: Entity,
    settings: Settings,
    cutoff: datetime | None,
    gone: Mapping[str, Sequence[str]],
    *,
    publishable: bool = True,
) -> SourceMeasure:
    """Count the source rows of `entity` by its own query; those of dead letters too where not only the `publishable`.

    `cutoff` is the newest change that the target has; `gone` holds, by column, keys of parents that were deleted: their
    children are in the source but not in the target. Raises the SourceError family.
    """
    client = client_for(settings)
    try:
        tables = read_catalog(client, entity, settings)
        adapted = adapt(entity, tables, settings)
        parameters: dict[str, Parameter] = {
            "cursor": _EVER,
            "company_domains": settings.domains,
            "cutoff": cutoff or _EVER,
            **{f"gone_{column}": list(keys) for column, keys in gone.items()},
        }
        answer = run_query(
            client,
            count_query(entity, adapted.sql, gone, publishable=publishable),
            parameters,
            settings,
            what=f"counting the source rows of {entity.name}",
            labels={"job": "call-coach", "entity": entity.name, "part": "check"},
        )
        found = next(row for batch in answer.batches for row in batch.to_pylist())
    finally:
        client.close()  # type: ignore[no-untyped-call]
    return SourceMeasure(
        rows=int(found["counted"]),
        newer=int(found["newer"] or 0),
        newest=found["newest"],
        bytes_billed=answer.bytes_billed,
        adapted=adapted,
        tables=tables,
    )

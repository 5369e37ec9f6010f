"""One entity's query, tried without running it: BigQuery checks its text, every column, and every permission."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from call_coach_assets.diagnosis.finding import Finding, error, from_error, ok, warning
from call_coach_assets.diagnosis.pruning import STAMP, reads_by_cursor_alone
from call_coach_assets.errors import CallCoachError
from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

    from call_coach_assets.sync.catalog import LiveTable

HTTP_SECONDS = 10.0
THE_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
MIB = 1024**2
WORTH_PARTITIONING = 100 * MIB  # read whole each hour, 0.43 USD a month


def dry_run(client: Client, sql: str, parameters: Mapping[str, Any], what: str) -> int:
    """Have BigQuery check a query; returns the bytes that it would process. Raises the SourceError family."""
    from google.cloud.bigquery import QueryJobConfig

    from call_coach_assets.sync.bigquery import _parameter
    from call_coach_assets.sync.bigquery_errors import FAILURES, translate

    config = QueryJobConfig(
        dry_run=True, use_query_cache=False, query_parameters=[_parameter(*pair) for pair in parameters.items()]
    )
    try:
        job = client.query(sql, job_config=config, retry=None, job_retry=None, timeout=HTTP_SECONDS)  # type: ignore[arg-type]
    except FAILURES as problem:
        raise translate(problem, what) from problem
    return job.total_bytes_processed or 0


def find_query(client: Client, entity: Entity, catalog: Mapping[str, LiveTable | None], settings: Settings) -> Finding:
    """Whether the entity's query would run against the tables as they are, what it would read, and what it lacks."""
    from call_coach_assets.sync.adapt import adapt

    name = f"query of {entity.name}"
    hour = datetime.now(UTC) - timedelta(minutes=60 + settings.sync_overlap_minutes)
    try:
        adapted = adapt(entity, catalog, settings)
        if adapted.skipped_reason:
            return warning(name, f"is skipped: {adapted.skipped_reason}", "nothing, unless it is meant to be synced")
        size, hourly = (_size(client, adapted.sql, entity, since, settings) for since in (THE_BEGINNING, hour))
    except CallCoachError as problem:
        return from_error(name, problem)
    told = f"would run; a full read processes {size / MIB:,.1f} MiB, one of the last hour {hourly / MIB:,.1f} MiB"
    if size > settings.max_bytes_billed:
        return error(name, told, "raise MAX_BYTES_BILLED, which refuses a query of that size")
    if reads_by_cursor_alone(entity) and hourly > max(size / 2, WORTH_PARTITIONING):
        return warning(
            name,
            f"{told}: {entity.base} is read whole by every run",
            f"have {entity.base} partitioned by day on {STAMP}; docs/operations.md says what that saves",
        )
    return _columns(name, told, adapted.missing_columns)


def _size(client: Client, sql: str, entity: Entity, since: datetime, settings: Settings) -> int:
    parameters = {"cursor": since, "company_domains": list(settings.domains)}
    return dry_run(client, sql, parameters, f"checking the query of {entity.name}")


def _columns(name: str, told: str, missing: Any) -> Finding:
    if not missing:
        return ok(name, told)
    remedy = "have Fivetran sync them; until then their target columns are left as they are"
    return warning(name, f"{told}; the source lacks {', '.join(map(str, missing))}", remedy)

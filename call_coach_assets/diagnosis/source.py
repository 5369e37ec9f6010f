"""BigQuery: can it be reached, may this account query it, is everything there that the entities read. Costs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from call_coach_assets.diagnosis.credentials import find_credentials
from call_coach_assets.diagnosis.finding import Finding, State, error, from_error, ok, skipped, warning
from call_coach_assets.diagnosis.source_query import dry_run, find_query
from call_coach_assets.diagnosis.source_rights import find_source_rights
from call_coach_assets.errors import CallCoachError, SourceMissingError
from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Dataset, Entity, SourceTable

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

    from call_coach_assets.sync.catalog import LiveTable

NAME = "BigQuery"
HTTP_SECONDS = 10.0
VARIABLES: dict[Dataset, str] = {"gong": "GONG_DATASET", "salesforce": "SALESFORCE_DATASET"}


def look_at_source(settings: Settings, entities: Mapping[str, Entity]) -> Iterator[Finding]:
    """Every check of BigQuery, in the order in which they build on each other; no query runs, no byte is billed."""
    credentials = find_credentials(settings)
    yield credentials
    if credentials.state is State.ERROR:
        yield skipped(NAME, "there are no usable credentials")
        return
    from call_coach_assets.sync.bigquery import client_for

    with closing(client_for(settings)) as client:
        try:
            dry_run(client, "SELECT 1", {}, f"asking BigQuery for a query in project {settings.bigquery_project}")
        except CallCoachError as problem:
            yield from_error(NAME, problem)
            return
        yield ok(NAME, f"answers, and this account may run queries in project {settings.bigquery_project}")
        yield from _contents(client, settings, entities)


def _contents(client: Client, settings: Settings, entities: Mapping[str, Entity]) -> Iterator[Finding]:
    from call_coach_assets.sync.catalog import read_catalog

    tables = [table for entity in entities.values() for table in entity.tables]
    yield from (find_dataset(client, settings, name, tables) for name in VARIABLES)
    seen: dict[str, LiveTable | None] = {}
    for entity in entities.values():
        try:
            catalog = read_catalog(client, entity, settings)
        except CallCoachError as problem:
            yield from_error(f"tables of {entity.name}", problem)
            continue
        yield from (_table(entity.table(name), live) for name, live in catalog.items() if name not in seen)
        seen |= catalog
        yield find_query(client, entity, catalog, settings)
    yield from find_source_rights(client, settings, [table for table in tables if seen.get(table.name)])


def find_dataset(client: Client, settings: Settings, name: Dataset, tables: list[SourceTable]) -> Finding:
    """Whether a dataset is there and may be looked at; one of which every table is optional may be missing."""
    from call_coach_assets.sync.bigquery_errors import FAILURES, translate

    path = f"{settings.bigquery_project}.{settings.dataset(name)}"
    try:
        client.get_dataset(path, retry=None, timeout=HTTP_SECONDS)  # type: ignore[arg-type]
    except FAILURES as problem:
        translated = translate(problem, f"looking at {path}")
        required = any(table.dataset == name and table.presence == "required" for table in tables)
        if isinstance(translated, SourceMissingError) and not required:
            return warning(f"dataset {path}", "is not there; what it feeds stays empty", f"set {VARIABLES[name]}")
        return from_error(f"dataset {path}", translated)
    return ok(f"dataset {path}", "is there")


def _table(table: SourceTable, live: LiveTable | None) -> Finding:
    name = f"source {table.name}"
    if live is not None:
        return ok(name, f"{live.rows or 0:,} rows, {len(live.columns)} columns")
    if table.presence == "optional":
        return warning(name, "is not there; it is optional", "nothing, unless Fivetran is meant to sync it")
    return error(name, "is not there", f"have Fivetran sync it, or set BIGQUERY_PROJECT or {VARIABLES[table.dataset]}")

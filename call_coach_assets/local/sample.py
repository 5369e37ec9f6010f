"""A small sales organisation as Fivetran would land it: good rows, and every irregularity that the mapping names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from call_coach_assets.local.sample_calls import add_calls
from call_coach_assets.local.sample_crm import add_accounts, add_links, add_opportunities, add_users
from call_coach_assets.local.sample_draft import Draft, Row
from call_coach_assets.local.sample_emails import add_emails
from call_coach_assets.local.sample_irregular import add_irregularities
from call_coach_assets.local.sample_schema import SOURCE_SCHEMAS

NEWEST = datetime(2025, 6, 30, 12, 0, tzinfo=UTC)


class SampleTable(NamedTuple):
    """A source table: the BigQuery type of each column, and the rows, each with every column."""

    schema: dict[str, str]
    rows: list[Row]


def sample_tables(
    calls: int = 200, seed: int = 7, newest: datetime = NEWEST, monologues: int = 100
) -> dict[str, SampleTable]:
    """The source tables `gong.*` and `salesforce.*`: the same arguments give the same rows.

    `calls` is the size: each has `monologues` transcript rows, and all else is in proportion. `newest` is the latest
    `_fivetran_synced` of each table; the history is the 180 days before it.
    """
    draft = Draft(calls, seed, newest, monologues)
    for add in (add_users, add_accounts, add_opportunities, add_calls, add_links, add_emails, add_irregularities):
        add(draft)
    for rows in draft.rows.values():
        rows[0]["_fivetran_synced"] = newest
    return {table: SampleTable(schema, draft.rows[table]) for table, schema in SOURCE_SCHEMAS.items()}

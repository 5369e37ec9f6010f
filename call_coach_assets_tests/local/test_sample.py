"""The sample is the same every time, and holds what real warehouses hold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from call_coach_assets.local.sample import NEWEST, SampleTable, sample_tables
from call_coach_assets.local.sample_schema import OPTIONAL_TABLES, SOURCE_SCHEMAS
from call_coach_assets_tests.warehouse import Warehouse

Tables = dict[str, SampleTable]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return sample_tables(20, monologues=10)


def values(tables: Tables, table: str, column: str) -> set[Any]:
    return {row[column] for row in tables[table].rows}


def some(tables: Tables, table: str, condition: Callable[[Row], bool]) -> bool:
    return any(condition(row) for row in tables[table].rows)


def unread(text: str | None) -> bool:
    try:
        json.loads(text or "")
    except ValueError:
        return text is not None
    return False


def is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        return False
    return True


IRREGULAR: dict[str, Callable[[Tables], bool]] = {
    "call without scheduled": lambda t: some(t, "gong.call", lambda r: not r["scheduled"] and r["started"]),
    "call without any time": lambda t: some(t, "gong.call", lambda r: not r["scheduled"] and not r["started"]),
    "call without an id": lambda t: None in values(t, "gong.call", "id"),
    "call without a stamp": lambda t: None in values(t, "gong.call", "_fivetran_synced"),
    "call twice": lambda t: max(Counter(r["id"] for r in t["gong.call"].rows).values()) == 2,
    "call deleted": lambda t: some(t, "gong.call", lambda r: r["_fivetran_deleted"]),
    "call with broken metadata": lambda t: some(t, "gong.call", lambda r: unread(r["metadata"])),
    "call without transcript": lambda t: bool(
        {str(i) for i in values(t, "gong.call", "id")} - values(t, "gong.transcript", "call_id")
    ),
    "speaker of a missing call": lambda t: bool(
        values(t, "gong.call_speaker", "call_id") - values(t, "gong.call", "id")
    ),
    "speaker from outside": lambda t: None in values(t, "gong.call_speaker", "user_id"),
    "speaker of a missing user": lambda t: bool(
        values(t, "gong.call_speaker", "user_id") - values(t, "gong.users", "id") - {None}
    ),
    "speaker without participant": lambda t: bool(
        values(t, "gong.call_speaker", "id") - values(t, "gong.call_participant", "speaker_id")
    ),
    "participant without a name": lambda t: None in values(t, "gong.call_participant", "name"),
    "transcript in JSON": lambda t: some(t, "gong.transcript", lambda r: (r["sentence"] or "").startswith('[{"start"')),
    "transcript in plain text": lambda t: some(t, "gong.transcript", lambda r: unread(r["sentence"])),
    "transcript of a missing call": lambda t: bool(
        values(t, "gong.transcript", "call_id") - {str(i) for i in values(t, "gong.call", "id")}
    ),
    "transcript of a missing speaker": lambda t: bool(
        values(t, "gong.transcript", "speaker_id") - values(t, "gong.call_speaker", "id") - {None}
    ),
    "email without sent_at": lambda t: None in values(t, "gong.email", "sent_at"),
    "email with an unreadable date": lambda t: not all(map(is_date, values(t, "gong.email", "sent_at") - {None})),
    "email without an id": lambda t: None in values(t, "gong.email", "id"),
    "email without sender": lambda t: bool(values(t, "gong.email", "id") - values(t, "gong.email_sender", "email_id")),
    "email without recipient": lambda t: bool(
        values(t, "gong.email", "id") - values(t, "gong.email_recipient", "email_id")
    ),
    "email with many recipients": lambda t: (
        max(Counter(r["email_id"] for r in t["gong.email_recipient"].rows).values()) > 2
    ),
    "email with a malformed address": lambda t: "@nowhere" in values(t, "gong.email_recipient", "email_address"),
    "email without opportunity": lambda t: None in values(t, "gong.email", "opportunity_id"),
    "email of a missing opportunity": lambda t: bool(
        values(t, "gong.email", "opportunity_id") - values(t, "salesforce.opportunity", "id") - {None}
    ),
    "recipient of a missing email": lambda t: bool(
        values(t, "gong.email_recipient", "email_id") - values(t, "gong.email", "id")
    ),
    "opportunity of a missing account": lambda t: bool(
        values(t, "salesforce.opportunity", "account_id") - values(t, "salesforce.account", "id") - {None}
    ),
    "opportunity of a missing owner": lambda t: bool(
        values(t, "salesforce.opportunity", "owner_id") - values(t, "salesforce.user", "id") - {None}
    ),
    "opportunity with an invalid amount": lambda t: "about 10k" in values(t, "salesforce.opportunity", "amount"),
    "opportunity with an invalid date": lambda t: "31/31/2025" in values(t, "salesforce.opportunity", "close_date"),
    "opportunity without a name": lambda t: None in values(t, "salesforce.opportunity", "name"),
    "opportunity without an id": lambda t: None in values(t, "salesforce.opportunity", "id"),
    "opportunity with a history": lambda t: (
        values(t, "salesforce.opportunity_field_history", "field") == {"StageName", "Amount"}
    ),
    "opportunity without a health score": lambda t: bool(
        values(t, "salesforce.opportunity", "id") - values(t, "gong.opportunity", "id")
    ),
    "link told twice": lambda t: bool(
        {(str(r["call_id"]), r["object_id"]) for r in t["gong.call_context_integration"].rows}
        & {(r["gong_call_id_c"], r["gong_primary_opportunity_c"]) for r in t["salesforce.gong_gong_call_c"].rows}
    ),
    "link to something else": lambda t: "Account" in values(t, "gong.call_context_integration", "object_type"),
    "link in metadata": lambda t: some(t, "gong.call", lambda r: "opportunity_ids" in (r["metadata"] or "")),
    "ids of two types": lambda t: (
        t["gong.call"].schema["id"] == "INT64" and t["gong.transcript"].schema["call_id"] == "STRING"
    ),
}


@pytest.mark.parametrize("kind", IRREGULAR)
def test_the_smallest_sample_has_every_irregularity(kind: str, tables: Tables) -> None:
    assert IRREGULAR[kind](tables)


def test_the_same_arguments_give_the_same_rows() -> None:
    assert sample_tables(5, monologues=3) == sample_tables(5, monologues=3)
    assert sample_tables(5, seed=8, monologues=3) != sample_tables(5, monologues=3)


def test_a_sample_of_200_calls_has_20000_monologues_and_no_stamp_after_newest() -> None:
    newest = datetime(2025, 3, 1, tzinfo=UTC)
    tables = sample_tables(200, newest=newest)
    assert len(tables["gong.transcript"].rows) >= 20_000
    for name, table in tables.items():
        stamps = [row["_fivetran_synced"] for row in table.rows if row["_fivetran_synced"]]
        assert max(stamps) == newest, name
        assert min(stamps) > newest - timedelta(days=181), name


def test_every_row_has_every_column_of_its_table(tables: Tables) -> None:
    assert set(tables) == set(SOURCE_SCHEMAS)
    assert set(SOURCE_SCHEMAS) > OPTIONAL_TABLES
    for table in tables.values():
        assert all(list(row) == list(table.schema) for row in table.rows)


def test_the_emulator_holds_the_sample_as_it_was_made(sample_warehouse: Warehouse, tables: Tables) -> None:
    def sorted_rows(rows: list[Row]) -> list[str]:
        return sorted(repr(sorted(row.items())) for row in rows)

    for name in ("gong.call", "gong.transcript", "gong.opportunity", "salesforce.account"):
        assert sorted_rows(sample_warehouse.rows(name)) == sorted_rows(tables[name].rows)
    assert max(row["_fivetran_synced"] for row in sample_warehouse.rows("salesforce.user")) == NEWEST

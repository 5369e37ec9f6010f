"""Queries fitted to warehouses that differ from what is declared."""

from __future__ import annotations

from typing import Any, cast

import pytest
import sqlglot

from call_coach_assets.errors import ConfigurationError, SourceMissingError
from call_coach_assets.settings import read_settings
from call_coach_assets.sync.adapt import AdaptedQuery, adapt
from call_coach_assets.sync.catalog import LiveTable
from call_coach_assets.sync.declarations import load_entities

ENTITIES = load_entities(check_queries=False)
SETTINGS = read_settings(_env_file=None, bigquery_project="a-project", gong_dataset="gong_raw")


def fitted(name: str, **changes: dict[str, str] | None) -> AdaptedQuery:
    """The query for a warehouse as declared, with tables replaced: `gong__call={...}` or None for an absent one."""
    entity = ENTITIES[name]
    live = {table.name: LiveTable(table.columns) for table in entity.tables}
    changed = {key.replace("__", "."): columns for key, columns in changes.items()}
    catalog = {key: changed[key] and LiveTable(changed[key] or {}) if key in changed else live[key] for key in live}
    query = adapt(entity, cast(Any, catalog), SETTINGS)
    if query.sql:
        sqlglot.parse_one(query.sql, dialect="bigquery")
    return query


def columns(name: str, table: str, *without: str, **types: str) -> dict[str, str]:
    """The declared columns of a table, without some, with other types or more columns."""
    declared = {**ENTITIES[name].table(table).columns, **types}
    return {column: kind for column, kind in declared.items() if column not in without}


def test_nothing_but_the_names_of_tables_changes_for_a_warehouse_as_declared() -> None:
    for name, entity in ENTITIES.items():
        query = fitted(name)
        back = query.sql.replace("`a-project`.`gong_raw`.`", "gong.").replace(
            "`a-project`.`salesforce`.`", "salesforce."
        )
        assert back.replace("` AS", " AS") == entity.query
        assert (query.skipped_reason, query.absent_tables, query.missing_columns, query.unfed_columns) == (
            None,
            (),
            (),
            (),
        )
    assert fitted("calls").base_path == "a-project.gong_raw.call"


@pytest.mark.covers("P10")
def test_a_missing_column_is_a_typed_null_and_its_target_columns_are_unfed() -> None:
    query = fitted("calls", gong__call=columns("calls", "gong.call", "title", "duration", "language", "metadata"))
    assert "CAST(CAST(NULL AS STRING) AS STRING) AS title" in query.sql
    assert "CAST(NULL AS STRING) AS language" in query.sql
    assert query.missing_columns == ("gong.call.duration", "gong.call.language", "gong.call.title")
    assert query.unfed_columns == ("title", "duration_seconds")


def test_a_column_of_which_one_source_is_left_is_still_fed() -> None:
    query = fitted("speakers", gong__users=columns("speakers", "gong.users", "email_address"))
    assert query.missing_columns == ("gong.users.email_address",)
    assert query.unfed_columns == ()
    assert "CAST(NULL AS STRING) AS `email_address`" in query.sql


@pytest.mark.parametrize(
    ("entity", "table", "column"),
    [
        ("calls", "gong.call", "_fivetran_synced"),  # the WHERE of the last SELECT
        ("calls", "gong.call_participant", "speaker_id"),  # a JOIN, by way of a CTE
        ("call_opportunities", "gong.call_context_integration", "object_type"),  # the WHERE of a CTE
        ("transcripts", "gong.transcript", "index"),  # the key
        ("opportunities", "salesforce.opportunity", "account_id"),  # a JOIN
    ],
)
def test_a_missing_column_that_decides_which_rows_are_read_is_an_error_that_names_it(
    entity: str, table: str, column: str
) -> None:
    with pytest.raises(SourceMissingError) as raised:
        fitted(entity, **{table.replace(".", "__"): columns(entity, table, column)})
    path = f"a-project.{table.replace('gong.', 'gong_raw.')}.{column}"
    assert f"{entity} cannot be read without {path}" in str(raised.value)


@pytest.mark.covers("P27")
def test_an_absent_optional_table_is_read_as_an_empty_one() -> None:
    query = fitted("emails", gong__email_sender=None)
    assert query.absent_tables == ("gong.email_sender",)
    assert "FROM (SELECT CAST(NULL AS STRING) AS `email_id`, CAST(NULL AS STRING) AS `email_address`" in query.sql
    assert "LIMIT 0) AS s" in query.sql
    assert query.unfed_columns == ()


@pytest.mark.covers("P27")
def test_an_entity_is_skipped_where_its_optional_base_or_all_its_sources_are_absent() -> None:
    assert fitted("emails", gong__email=None).skipped_reason == "a-project.gong_raw.email is not there; it is optional"
    nothing: dict[str, Any] = {"gong__call_context_integration": None, "salesforce__gong_gong_call_c": None}
    without = columns("call_opportunities", "gong.call", "metadata")
    assert fitted("call_opportunities", **nothing).skipped_reason is None
    reason = fitted("call_opportunities", **nothing, gong__call=without).skipped_reason
    assert reason is not None
    assert "gong.call_context_integration, salesforce.gong_gong_call_c, gong.call.metadata" in reason
    neither: dict[str, Any] = {"salesforce__opportunity": None, "gong__opportunity": None}
    assert fitted("opportunities", **neither).skipped_reason is not None


def test_an_absent_required_table_is_an_error_that_names_it_and_the_settings() -> None:
    with pytest.raises(SourceMissingError, match=r"a-project\.gong_raw\.users.*is not there") as raised:
        fitted("calls", gong__users=None)
    assert "GONG_DATASET" in raised.value.remedy


@pytest.mark.covers("O2")
def test_gongs_opportunities_stand_in_for_salesforces_with_the_columns_they_have() -> None:
    live = {"id": "INT64", "name": "STRING", "stage": "STRING", "_fivetran_synced": "TIMESTAMP", "mood": "STRING"}
    query = fitted("opportunities", salesforce__opportunity=None, gong__opportunity=live)
    assert "FROM `a-project`.`gong_raw`.`opportunity` AS o" in query.sql
    assert "LEFT JOIN account AS a ON a.account_id = CAST(CAST(NULL AS STRING) AS STRING)" in query.sql
    assert query.base_path == "a-project.gong_raw.opportunity"
    assert query.absent_tables == ("salesforce.opportunity",)
    assert query.missing_columns == ()
    assert query.unknown_columns == {"mood": "STRING"}


@pytest.mark.parametrize("spelled", ["StageName", "STAGE_NAME", "stageName"])
def test_a_column_may_be_spelled_otherwise(spelled: str) -> None:
    live = columns(
        "opportunities", "salesforce.opportunity", "stage_name", "type", **{spelled: "STRING", "Type": "STRING"}
    )
    query = fitted("opportunities", salesforce__opportunity=live)
    assert (query.missing_columns, query.unknown_columns) == ((), {})
    assert f"COALESCE(o.`{spelled}`, " in query.sql or f"COALESCE(o.{spelled.lower()}, " in query.sql


@pytest.mark.covers("P9")
def test_a_column_of_another_type_is_read_as_the_declared_one() -> None:
    types = {"id": "INT64", "scheduled": "STRING", "duration": "STRING", "is_private": "STRING", "language": "INT64"}
    call = columns("calls", "gong.call", **types, metadata="JSON", started="TIMESTAMP", _fivetran_synced="STRING")
    sql = fitted("calls", gong__call=call).sql
    assert "CAST(c.id AS STRING)" in sql
    assert "SAFE_CAST(c.scheduled AS TIMESTAMP) AS scheduled" in sql
    assert "IF(c.scheduled IS NOT NULL AND v.scheduled IS NULL" in sql
    assert "SAFE_CAST(c.is_private AS BOOL) AS is_private" in sql
    assert "CAST(c.language AS STRING) AS language" in sql
    assert "TO_JSON_STRING(c.metadata) AS metadata" in sql
    assert "WHERE SAFE_CAST(c._fivetran_synced AS TIMESTAMP) >= @cursor" in sql
    odd = fitted("calls", gong__call=columns("calls", "gong.call", duration="TIMESTAMP", title="ARRAY")).sql
    assert "SAFE_CAST(CAST(c.duration AS STRING) AS NUMERIC)" in odd
    assert "CAST(TO_JSON_STRING(c.title) AS STRING)" in odd


@pytest.mark.covers("P8")
def test_columns_that_the_mapping_does_not_know_are_read_along() -> None:
    new = {"Mood": "STRING", "score": "FLOAT64", "tags": "ARRAY", "raw": "BYTES", "_fivetran_id": "STRING"}
    query = fitted("transcripts", gong__transcript=columns("transcripts", "gong.transcript", **new))
    assert query.unknown_columns.keys() == {"Mood", "score", "tags", "raw"}
    for text in ("t.`Mood` AS `_extra__mood`", "TO_JSON_STRING(t.`tags`)", "TO_BASE64(t.`raw`) AS `_extra__raw`\nFROM"):
        assert text in query.sql
    ignored = fitted("call_opportunities", gong__call=columns("call_opportunities", "gong.call", mood="STRING"))
    assert ignored.unknown_columns == {}


def test_rows_can_be_read_by_the_keys_of_any_column_whatever_their_stamp() -> None:
    sql = fitted("transcripts").by_key("sequence_number")
    assert "WHERE CAST(SAFE_CAST(t.index AS INT64) AS STRING) IN UNNEST(@keys)\n--" in sql
    assert sql.rstrip().endswith("= 1)")
    with pytest.raises(ConfigurationError, match="yields no column nothing"):
        fitted("transcripts").by_key("nothing")

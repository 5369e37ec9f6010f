"""From which source columns each column of a target is computed."""

from __future__ import annotations

import pytest

from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.lineage import lineage
from call_coach_assets.sync.query import read_query

ENTITIES = load_entities(check_queries=False)

KINDS = {
    ("calls", "title"): "gong.call.title",  # read as it is
    ("calls", "date"): "gong.call.scheduled gong.call.started",  # by way of an UNNEST of a STRUCT
    ("speakers", "email"): "gong.call_participant.email_address gong.users.email_address",  # through CTEs
    ("emails", "recipients"): "gong.email_recipient.email_address",  # through an aggregate
    ("transcripts", "text"): "gong.transcript.sentence",  # through an array of JSON
    ("opportunities", "stage"): "salesforce.opportunity.stage salesforce.opportunity.stage_name",
    ("opportunities", "health_score"): "gong.opportunity.health_score",
    ("call_opportunities", "gong_opportunity_id"): "gong.call.metadata gong.call_context_integration.object_id"
    " salesforce.gong_gong_call_c.gong_primary_opportunity_c",  # through both sides of a union
}


@pytest.mark.covers("P32")
@pytest.mark.parametrize(("entity", "column"), KINDS)
def test_a_column_is_followed_down_to_the_tables_of_the_warehouse(entity: str, column: str) -> None:
    sources = [f"{table}.{name}" for table, name in lineage(ENTITIES[entity])[column]]
    assert sources == KINDS[entity, column].split()


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=ENTITIES)
def test_every_target_column_comes_from_somewhere_and_every_reference_stands_where_it_says(entity) -> None:  # type: ignore[no-untyped-def]
    found = lineage(entity)
    assert [name for name in entity.target_columns if not found[name]] == []
    query = read_query(entity.query)
    for read in query.columns:
        assert query.text[read.span.start : read.span.end] == f"{read.alias}.{read.name}"
    for table in query.tables:
        assert query.text[table.span.start : table.span.end] == table.table

"""The sample, synced, is what the model says, column by column; and a second sync writes nothing."""

from __future__ import annotations

import psycopg
import pytest

from call_coach_assets_tests.oracle import ENTITIES, differences, observed
from call_coach_assets_tests.oracle.judge import PARENTS_FIRST, sync_all
from call_coach_assets_tests.oracle.observe import versions
from call_coach_assets_tests.sync.conftest import Sample


@pytest.mark.covers("P4", "P14", "P15", "P16", "E1", "E3", "E4", "E5", "E6", "E11", "E12", "O1", "O3", "O4", "O5", "O6")
@pytest.mark.covers("O10", "O12", "P13", "E10", "O11")
@pytest.mark.parametrize("entity", ENTITIES)
def test_every_row_and_column_of_the_sample_is_what_the_model_says(sample: Sample, entity: str) -> None:
    with psycopg.connect(sample.database) as connection:
        found = observed(connection)
    assert sample.world.rows[entity], "the sample has rows of every entity"
    assert differences(sample.world, found, entities=[entity]) == []


def test_the_sample_has_what_cannot_be_synced(sample: Sample) -> None:
    dead = {entity for entity, keys in sample.world.dead_letters.items() if keys}
    assert {"opportunities", "emails"} <= dead
    assert any(sample.world.waiting.values())


@pytest.mark.covers("E8", "O8", "P6", "P18")
def test_the_counts_and_the_checkpoints_are_what_the_model_says(sample: Sample) -> None:
    for entity, result in sample.results.items():
        assert result.inserted == len(sample.world.rows[entity]), entity
        assert (result.updated, result.deleted) == (0, 0), entity
        assert result.waiting == len(sample.world.waiting[entity]), entity
        assert result.dead_lettered == len(sample.world.dead_letters[entity]), entity
    with psycopg.connect(sample.database) as connection:
        stored = connection.execute(
            "SELECT entity_type, last_sync_timestamp, last_sync_status, items_synced, errors_count FROM sync_status"
        ).fetchall()
    assert {row[0]: row[1:] for row in stored} == {
        name: (result.checkpoint_after, result.status, result.rows_synced, result.errors_count)
        for name, result in sample.results.items()
    }


@pytest.mark.covers("O9", "E9")
def test_a_second_sync_writes_no_row_and_moves_no_version(sample: Sample) -> None:
    settings = sample.copy()
    with psycopg.connect(settings.database_url) as connection:
        before = versions(connection)
    results = sync_all(settings, run_id="second", order=reversed(PARENTS_FIRST))
    assert {name: result.rows_synced for name, result in results.items()} == dict.fromkeys(ENTITIES, 0)
    with psycopg.connect(settings.database_url) as connection:
        assert versions(connection) == before
        assert differences(sample.world, observed(connection)) == []

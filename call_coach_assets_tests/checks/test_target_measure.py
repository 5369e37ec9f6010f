"""Measuring the target: what its constraints promise is believed, everything else is counted."""

from __future__ import annotations

import psycopg
import pytest

from call_coach_assets.checks.target_measure import TargetMeasure, measure_target
from call_coach_assets.settings import read_settings
from call_coach_assets.sync.bookkeeping import ensure
from call_coach_assets.sync.declarations import load_entities

ENTITIES = load_entities(check_queries=False)
SCHEMA = read_settings(_env_file=None).sync_schema


@pytest.mark.covers("P29", "D5")
def test_nulls_are_counted_wherever_postgres_does_not_rule_them_out(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        ensure(connection, ENTITIES, SCHEMA)

        def measure() -> TargetMeasure:
            return measure_target(connection, ENTITIES["opportunities"], ENTITIES, SCHEMA)

        connection.execute("INSERT INTO opportunities (gong_opportunity_id, name) VALUES ('1', 'A deal')")
        assert (measure().rows, measure().nulls) == (1, {"gong_opportunity_id": 0, "name": 0})
        connection.execute("ALTER TABLE opportunities ALTER name DROP NOT NULL")
        connection.execute("INSERT INTO opportunities (gong_opportunity_id) VALUES ('2')")
        assert (measure().rows, measure().nulls) == (2, {"gong_opportunity_id": 0, "name": 1})
        connection.execute("ALTER TABLE opportunities ADD CONSTRAINT named NOT NULL name NOT VALID")
        assert measure().nulls["name"] == 1, "of the rows that were there the constraint says nothing"


def test_rows_that_are_kept_although_their_source_was_deleted_are_found_without_a_scan(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        ensure(connection, ENTITIES, SCHEMA)
        connection.execute("SET enable_seqscan = off")
        statement = f"EXPLAIN SELECT count(*) FROM {SCHEMA}.speakers_rows WHERE source_deleted_at IS NOT NULL"
        plan = " ".join(row[0] for row in connection.execute(statement.encode()))
    assert "speakers_rows_deleted" in plan

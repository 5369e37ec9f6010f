"""Both ends compared by checksums: what differs is found by name, and exactly that is repaired."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import psycopg
import pytest

from call_coach_assets.errors import ConfigurationError, ReconcileRefusedError
from call_coach_assets.settings import Settings
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets.sync.reconciliations import ReconcileStatus, last_reconciliation
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.oracle import ENTITIES as SIX
from call_coach_assets_tests.oracle.observe import ids, versions
from call_coach_assets_tests.sync.comparing import TAMPERING, everything, execute, run, unlike
from call_coach_assets_tests.sync.conftest import Sample


@pytest.fixture
def settings(sample: Sample) -> Iterator[Settings]:
    """Settings that point at a copy of the synced sample."""
    yield sample.copy()
    close_pools()


@pytest.mark.covers("S5")
def test_equal_ends_cost_one_scan_each_and_nothing_is_written(sample: Sample, settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as connection:
        before = versions(connection)
    found = run(settings)
    assert {name: (one.status, one.found, one.scans) for name, one in found.items()} == dict.fromkeys(
        SIX, (ReconcileStatus.EQUAL, 0, 1)
    )
    assert {name: one.rows for name, one in found.items()} == {name: len(sample.world.rows[name]) for name in SIX}
    with psycopg.connect(settings.database_url) as connection:
        assert versions(connection) == before
        last = last_reconciliation(connection, "emails", settings.sync_schema)
    assert last is not None
    assert (last.status, last.run_id, last.counts["bytes_billed"]) == (ReconcileStatus.EQUAL, "compare", 0)


@pytest.mark.covers("S5")
def test_a_tampered_value_is_found_by_its_column_and_exactly_that_is_read_again(
    sample: Sample, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    for entity, columns in TAMPERING.items():
        for place, (column, value) in enumerate(columns.items(), start=1):
            execute(
                settings,
                f"UPDATE {entity} SET {column} = {value} WHERE id = (SELECT id FROM (SELECT id, row_number()"
                f" OVER (ORDER BY id) AS place FROM {entity}) numbered WHERE place = {place})",
            )
    told = run(settings, *TAMPERING, dry_run=True)
    assert {name: dict(one.different) for name, one in told.items()} == {
        name: dict.fromkeys(sorted(columns), 1) for name, columns in TAMPERING.items()
    }
    assert {one.status for one in told.values()} == {ReconcileStatus.DIFFERS}
    with caplog.at_level(logging.INFO, "call_coach_assets.sync.extract"):
        repaired = run(settings, *TAMPERING)  # some are so new that the sync, which comes first, writes them again
    reading = [said for record in caplog.records if "reading" in (said := record.getMessage())]
    assert [said for said in reading if "0001-01-01" in said] == [], "nothing is read from the beginning"
    assert {said.partition(":")[0] for said in reading if "again" in said} == set(TAMPERING)
    assert sum(one.repaired for one in repaired.values()) > len(TAMPERING)
    assert {one.remaining for one in repaired.values()} == {0}
    assert unlike(sample, settings) == []


def test_rows_that_went_or_came_behind_the_syncs_back_are_put_right(sample: Sample, settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as connection:
        before = ids(connection)
    execute(settings, "DELETE FROM calls WHERE id = (SELECT call_id FROM transcripts ORDER BY id LIMIT 1)")
    execute(settings, "DELETE FROM speakers WHERE id = (SELECT max(id::text)::uuid FROM speakers)")
    execute(
        settings,
        "UPDATE transcripts t SET call_id = c.id FROM calls c"
        " WHERE t.id = (SELECT max(id::text)::uuid FROM transcripts)"
        " AND c.id = (SELECT min(id::text)::uuid FROM calls)",
    )
    execute(settings, "INSERT INTO calls (gong_call_id, metadata) VALUES ('ghost', '{}'), ('hung', '{}')")
    execute(
        settings,
        "INSERT INTO speakers (call_id, name) SELECT id, 'Ghost' FROM calls WHERE gong_call_id = 'hung'",
    )
    execute(
        settings,
        "INSERT INTO coaching_sessions (call_id, rep_id, coaching_dimension, session_type, analyst)"
        " SELECT c.id, s.id, 'd', 't', 'a' FROM calls c, speakers s WHERE c.gong_call_id = 'hung' AND s.name = 'Ghost'",
    )
    found = run(settings)
    assert {one.status for one in found.values()} <= {ReconcileStatus.EQUAL, ReconcileStatus.REPAIRED}
    assert (found["calls"].missing, found["calls"].deleted, found["calls"].kept) == (1, 1, 1)
    assert (found["speakers"].kept, found["transcripts"].deleted) == (1, 1)
    marked = "SELECT gong_call_id FROM calls WHERE metadata ? 'source_deleted_at'"
    assert ("hung",) in execute(settings, marked)
    assert execute(settings, "SELECT count(*) FROM coaching_sessions") == [(1,)]
    assert {one.status for one in run(settings, "calls", "speakers").values()} == {ReconcileStatus.EQUAL}
    execute(settings, "DELETE FROM calls WHERE gong_call_id = 'hung'")
    assert unlike(sample, settings) == []
    with psycopg.connect(settings.database_url) as connection:
        assert ids(connection) == before


@pytest.mark.covers("P30")
def test_rows_of_which_the_bookkeeping_was_lost_are_recognised_and_not_deleted(
    sample: Sample, settings: Settings
) -> None:
    with psycopg.connect(settings.database_url) as connection:
        before = ids(connection)
    execute(settings, "TRUNCATE sync.speakers_rows")
    found = run(settings, "speakers")["speakers"]
    assert (found.status, found.deleted, found.repaired) == (ReconcileStatus.REPAIRED, 0, found.missing)
    with psycopg.connect(settings.database_url) as connection:
        assert ids(connection) == before


def test_more_than_a_tenth_is_not_deleted_and_what_differs_is_repaired_all_the_same(settings: Settings) -> None:
    execute(
        settings, "UPDATE opportunities SET name = 'Else' WHERE id = (SELECT max(id::text)::uuid FROM opportunities)"
    )
    ghosts = "SELECT count(*) FROM opportunities WHERE gong_opportunity_id LIKE 'ghost%'"
    execute(
        settings,
        "INSERT INTO opportunities (gong_opportunity_id, name) SELECT 'ghost' || n, 'G' FROM generate_series(1, 3) n",
    )
    found = run(settings, "opportunities")["opportunities"]
    assert (found.status, found.extra, found.deleted, found.remaining) == (ReconcileStatus.REFUSED, 3, 0, 3)
    assert (found.different_rows, found.repaired) == (1, 1)
    assert execute(settings, ghosts) == [(3,)]
    with pytest.raises(ReconcileRefusedError, match="importing the table again"):
        found.raise_if_refused()
    with psycopg.connect(settings.database_url) as connection:
        last = last_reconciliation(connection, "opportunities", settings.sync_schema)
    assert last is not None
    assert last.status is ReconcileStatus.REFUSED


def test_a_dry_run_tells_what_differs_and_writes_nothing_at_all(settings: Settings) -> None:
    execute(settings, "DELETE FROM emails WHERE id = (SELECT max(id::text)::uuid FROM emails)")
    execute(settings, "INSERT INTO emails (gong_email_id) VALUES ('ghost')")
    execute(settings, "ALTER TABLE sync.emails_rows DROP COLUMN source_digest, DROP COLUMN target_hash")
    before = everything(settings)
    found = run(settings, "emails", dry_run=True)["emails"]
    assert everything(settings) == before
    assert (found.status, found.missing, found.extra, found.repaired) == (ReconcileStatus.DIFFERS, 1, 1, 0)
    assert "ghost is extra" in found.examples


def test_what_was_never_synced_cannot_be_compared(database: str, sample: Sample) -> None:
    with pytest.raises(ConfigurationError, match="never synced"):
        run(settings_for(database, sample.warehouse), "calls", dry_run=True)

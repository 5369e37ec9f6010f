"""An id, once given, stays; so does what the application wrote: whatever is synced again, and whatever is lost."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from call_coach_assets_tests.oracle import differences, observed
from call_coach_assets_tests.oracle.judge import sync_all
from call_coach_assets_tests.oracle.observe import ids
from call_coach_assets_tests.sync.conftest import Sample
from call_coach_assets_tests.sync.story import hang_on

APP_OWNED = """
SELECT c.gong_call_id, c.product, c.overall_score, c.processed_at, s.role, x.id, x.rep_id, x.score, h.id, h.speaker_id
FROM calls c JOIN speakers s ON s.call_id = c.id AND s.role IS NOT NULL
JOIN coaching_sessions x ON x.rep_id = s.id JOIN speaker_role_history h ON h.speaker_id = s.id ORDER BY s.id
"""
SENTIMENTS = "SELECT id, sentiment FROM transcripts WHERE sentiment IS NOT NULL ORDER BY id"


def owned(connection: psycopg.Connection[Any]) -> tuple[list[Any], list[Any]]:
    return connection.execute(APP_OWNED).fetchall(), connection.execute(SENTIMENTS).fetchall()


@pytest.mark.covers("P30", "P31", "O9", "E9")
@pytest.mark.parametrize("loss", [False, True], ids=["nothing lost", "the sync's schema and most rows lost"])
def test_ids_and_what_the_application_owns_survive_full_refreshes_and_losses(sample: Sample, loss: bool) -> None:
    settings = sample.copy()
    call = next(call for (call, _), row in sample.world.rows["speakers"].items() if row["company_side"])
    with psycopg.connect(settings.database_url) as connection:
        hang_on(connection, call)
        connection.execute("UPDATE calls SET processed_at = '2020-01-01' WHERE gong_call_id = %s", [call])
        before, kept = ids(connection), owned(connection)
        if loss:
            connection.execute(f"DROP SCHEMA {settings.sync_schema} CASCADE".encode())
            connection.execute("DELETE FROM calls WHERE gong_call_id <> %s", [call])
            connection.execute("DELETE FROM opportunities")
    assert all(kept)
    sync_all(settings, run_id="again", full_refresh=True)
    with psycopg.connect(settings.database_url) as connection:
        assert ids(connection) == before
        assert owned(connection) == kept
        assert differences(sample.world, observed(connection), ignore={"calls.processed_at"}) == []

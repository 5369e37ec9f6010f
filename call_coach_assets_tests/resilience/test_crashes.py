"""kill -9 at any moment of a sync: the next one leaves what the source says, nothing lost and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from call_coach_assets.settings import Settings
from call_coach_assets_tests.oracle.judge import sync_all, verdict
from call_coach_assets_tests.oracle.observe import ids
from call_coach_assets_tests.resilience.conftest import Ends
from call_coach_assets_tests.resilience.crash import crash
from call_coach_assets_tests.resilience.matrix import CRASH

# What passes when a step begins or ends: the first of each, whichever entity it belongs to.
MOMENTS = {
    "the query is sent": ("bigquery", b"/jobs"),
    "its rows are read": ("bigquery", b"/queries/"),
    "the inbox is looked for": ("postgres", b"information_schema"),
    "rows are landed": ("postgres", b"COPY"),
    "the cursor is stored": ("postgres", b"_dlt_pipeline_state"),
    "the load is completed": ("postgres", b"_dlt_loads"),
    "rows are published": ("postgres", b"MERGE"),
    "the inbox is drained": ("postgres", b"DELETE FROM"),
    "the checkpoint is written": ("postgres", b"sync_status"),
}
PARTS = 8
SYNCED = "SELECT to_regclass('call_coach_sync.speakers_rows')::text"


@pytest.fixture(scope="module")
def messages(ends: Ends) -> Iterator[dict[str, int]]:
    """How many messages Postgres gets in a whole sync."""
    whole = {"first": crash(ends, ends.fresh()), "later": crash(ends, ends.stale())}
    assert {run.outcome for run in whole.values()} == {"finished"}
    return {kind: run.messages for kind, run in whole.items()}


def recovers(ends: Ends, settings: Settings) -> None:
    """One good sync: nothing is lost, nothing is there twice, and what was there keeps its id."""
    with psycopg.connect(settings.database_url) as connection:
        before = ids(connection) if connection.execute(SYNCED).fetchone() != (None,) else {}
    sync_all(settings, run_id="good")
    assert verdict(settings, ends.warehouse) == []
    with psycopg.connect(settings.database_url) as connection:
        after = ids(connection)
        lines = "SELECT count(*), count(DISTINCT (call_id, sequence_number)) FROM transcripts"
        assert len(set(connection.execute(lines).fetchall()[0])) == 1
    for entity, keys in before.items():
        assert {key: keys[key] for key in keys.keys() & after[entity].keys()}.items() <= after[entity].items()


@pytest.mark.covers("P7", "P30")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_sync_that_is_killed_at_a_step_is_made_good_by_the_next(
    ends: Ends, moment: str, record_property: pytest.RecordProperty
) -> None:
    settings = ends.stale()
    end, token = MOMENTS[moment]
    run = crash(ends, settings, end=end, when=token, number=1)
    record_property(CRASH, f"later | {moment} | `{run.statement}`")
    assert run.outcome == "killed"
    recovers(ends, settings)


@pytest.mark.covers("P7", "P30")
@pytest.mark.parametrize("part", range(1, PARTS + 1))
@pytest.mark.parametrize("kind", ["first", "later"])
def test_a_sync_that_is_killed_anywhere_is_made_good_by_the_next(
    ends: Ends, messages: dict[str, int], kind: str, part: int, record_property: pytest.RecordProperty
) -> None:
    settings = ends.fresh() if kind == "first" else ends.stale()
    number = messages[kind] * part // (PARTS + 1)
    run = crash(ends, settings, end="postgres", number=number)
    record_property(CRASH, f"{kind} | message {number} of {messages[kind]} | `{run.statement}`")
    assert run.outcome == "killed"
    recovers(ends, settings)

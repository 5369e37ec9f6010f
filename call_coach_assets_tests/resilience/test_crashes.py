"""kill -9 at any moment of a sync: the next one leaves what the source says, nothing lost and nothing twice."""

from __future__ import annotations

import psycopg
import pytest

from call_coach_assets.settings import Settings
from call_coach_assets_tests.oracle.judge import sync_all
from call_coach_assets_tests.oracle.observe import ids
from call_coach_assets_tests.resilience.conftest import Ends
from call_coach_assets_tests.resilience.crash import crash
from call_coach_assets_tests.resilience.matrix import CRASH

SCHEMA = b'"call_coach_sync".'
COMMIT = b"\x0bCOMMIT"  # with its length before it, which tells it from ON COMMIT DROP
# A step, the entity that is killed there, and the message that is on its way then: which of its kind.
MOMENTS = [
    ("the lock is taken", "calls", "postgres", b"pg_try_advisory_lock", 1),
    ("the query is sent", "opportunities", "bigquery", b"/jobs", 1),
    ("its rows are read", "transcripts", "bigquery", b"/queries/", 1),
    ("the cursor is stored", "emails", "postgres", b"insert into " + SCHEMA + b'"_dlt_pipeline_state"', 1),
    ("rows are landed", "call_opportunities", "postgres", b'COPY "call_coach_sync"', 1),
    ("the landing is committed", "emails", "postgres", COMMIT, 5),
    ("the load is completed", "calls", "postgres", b"INSERT INTO " + SCHEMA + b'"_dlt_loads"', 1),
    ("the publish begins", "opportunities", "postgres", b"LOCK TABLE", 1),
    ("rows are deleted", "calls", "postgres", b'DELETE FROM "calls"', 1),
    ("rows are published", "transcripts", "postgres", b'INSERT INTO "transcripts"', 1),
    ("the inbox is drained", "call_opportunities", "postgres", b"DELETE FROM " + SCHEMA + b'"inbox_', 1),
    ("the checkpoint is written", "opportunities", "postgres", b"INSERT INTO sync_status", 1),
    ("the publish is committed", "emails", "postgres", COMMIT, 6),
]
PARTS = 5
SYNCED = "SELECT to_regclass('call_coach_sync.speakers_rows')::text"


def recovers(ends: Ends, settings: Settings, entity: str) -> None:
    """One good sync: nothing is lost, nothing is there twice, and what was there keeps its id."""
    with psycopg.connect(settings.database_url) as connection:
        before = ids(connection) if connection.execute(SYNCED).fetchone() != (None,) else {}
    sync_all(settings, run_id="good", order=[entity])
    assert ends.verdict(settings, entity) == []
    with psycopg.connect(settings.database_url) as connection:
        after = ids(connection).get(entity, {})
        count = f"SELECT count(*) FROM {entity}".encode()
        assert connection.execute(count).fetchone() == (len(ends.world.rows[entity]),)
    kept = before.get(entity, {})
    assert {key: kept[key] for key in kept.keys() & after.keys()}.items() <= after.items()


@pytest.mark.covers("P7", "P30")
@pytest.mark.parametrize(("moment", "entity", "end", "token", "number"), MOMENTS, ids=[step[0] for step in MOMENTS])
def test_a_sync_that_is_killed_at_a_step_is_made_good_by_the_next(
    ends: Ends, moment: str, entity: str, end: str, token: bytes, number: int, record_property: pytest.RecordProperty
) -> None:
    settings = ends.stale(entity)
    run = crash(ends, settings, entity, end=end, when=token, number=number)
    record_property(CRASH, f"{entity}, later | {moment} | `{run.statement}`")
    assert run.outcome == "killed"
    recovers(ends, settings, entity)


@pytest.fixture(scope="module")
def messages(ends: Ends) -> dict[str, int]:
    """How many messages Postgres gets in a sync: a first one of calls, a later one of emails."""
    whole = {
        "first": crash(ends, ends.fresh("calls"), "calls"),
        "later": crash(ends, ends.stale("emails"), "emails"),
    }
    assert {run.outcome for run in whole.values()} == {"finished"}
    return {kind: run.messages for kind, run in whole.items()}


@pytest.mark.covers("P7", "P30")
@pytest.mark.parametrize("part", range(1, PARTS))
@pytest.mark.parametrize(("kind", "entity"), [("first", "calls"), ("later", "emails")])
def test_a_sync_that_is_killed_anywhere_is_made_good_by_the_next(
    ends: Ends, messages: dict[str, int], kind: str, entity: str, part: int, record_property: pytest.RecordProperty
) -> None:
    settings = ends.fresh(entity) if kind == "first" else ends.stale(entity)
    number = messages[kind] * part // PARTS
    run = crash(ends, settings, entity, number=number)
    record_property(CRASH, f"{entity}, {kind} | {100 * part // PARTS} % of its messages are sent | whichever it is")
    assert run.outcome == "killed"
    recovers(ends, settings, entity)

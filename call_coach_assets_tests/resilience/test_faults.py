"""What breaks on the way: answers that are errors, answers cut short, a database that goes, two syncs at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from call_coach_assets.errors import (
    CallCoachError,
    EntityLockedError,
    SourceQuotaError,
    SourceUnavailableError,
    TargetUnavailableError,
)
from call_coach_assets.settings import Settings
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.faults import FaultProxy
from call_coach_assets_tests.oracle.judge import sync_all
from call_coach_assets_tests.resilience.conftest import NO_OVERLAP, Ends
from call_coach_assets_tests.resilience.victim import wait_for_quiet

ALWAYS = 1_000_000


@contextmanager
def proxied(ends: Ends, settings: Settings) -> Iterator[tuple[Settings, FaultProxy, FaultProxy]]:
    """The same ends behind proxies: settings, the proxy before BigQuery, the one before Postgres."""
    database = settings.database_url
    with FaultProxy.before_emulator(ends.warehouse.url) as source, FaultProxy.before_postgres(database) as target:
        yield (
            settings_for(
                target.postgres_url(database), ends.warehouse, bigquery_emulator_host=source.url, **NO_OVERLAP
            ),
            source,
            target,
        )


SOURCE_FAULTS = {403: SourceQuotaError, 503: SourceUnavailableError}


@pytest.mark.covers("P11", "P26")
@pytest.mark.parametrize("fault", ["429", "500", "503", "cut", "cut in the middle"])
def test_a_fault_of_bigquery_that_passes_is_tried_again_in_the_same_run(ends: Ends, fault: str) -> None:
    settings = ends.stale("emails")
    with proxied(ends, settings) as (through, source, _):
        if fault.startswith("cut"):
            source.cut(when=b"/queries", after=200 if fault == "cut in the middle" else 0)
        else:
            source.answer(int(fault), when=b"/queries")
        sync_all(through, run_id="faulty", order=["emails"])
        assert source.struck == 1
    assert ends.verdict(settings, "emails") == []


@pytest.mark.covers("P7", "P11", "P26")
@pytest.mark.parametrize("status", SOURCE_FAULTS)
def test_a_fault_of_bigquery_that_stays_ends_the_run_and_the_next_makes_it_good(ends: Ends, status: int) -> None:
    settings = ends.stale("emails")
    with proxied(ends, settings) as (through, source, _):
        source.answer(status, when=b"/queries", times=ALWAYS)
        with pytest.raises(SOURCE_FAULTS[status]) as caught:
            sync_all(through, run_id="faulty", order=["emails"])
    assert caught.value.transient
    sync_all(settings, run_id="good", order=["emails"])
    assert ends.verdict(settings, "emails") == []


@pytest.mark.covers("P11", "P26")
@pytest.mark.parametrize("moment", ['COPY "call', 'INSERT INTO "calls"', "INSERT INTO sync_status"])
def test_a_connection_to_postgres_that_is_cut_is_made_good_in_the_same_run(ends: Ends, moment: str) -> None:
    settings = ends.stale("calls")
    with proxied(ends, settings) as (through, _, target):
        target.cut(when=moment.encode())
        sync_all(through, run_id="faulty", order=["calls"])
        assert target.struck == 1
    assert ends.verdict(settings, "calls") == []


@pytest.mark.covers("P7", "P12", "P26")
def test_a_postgres_that_is_gone_is_told_from_bigquery_and_the_next_run_makes_it_good(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("call_coach_assets.sync.postgres.POOL_WAIT_SECONDS", 0.2)
    settings = ends.stale("calls")
    with proxied(ends, settings) as (through, _, target):
        target.call(target.refuse, when=b'INSERT INTO "calls"')
        with pytest.raises(TargetUnavailableError):
            sync_all(through, run_id="faulty", order=["calls"])
    wait_for_quiet(settings.database_url)
    sync_all(settings, run_id="good", order=["calls"])
    assert ends.verdict(settings, "calls") == []


@pytest.mark.covers("P22")
def test_of_two_syncs_at_once_the_second_is_refused_and_says_who_is_first(ends: Ends) -> None:
    settings = ends.stale("emails")
    refused: list[CallCoachError] = []

    def second() -> None:
        with pytest.raises(EntityLockedError) as caught:
            sync_all(settings, run_id="second", order=["emails"])
        refused.append(caught.value)

    with proxied(ends, settings) as (through, _, target):
        target.call(second, when=b'INSERT INTO "emails"')
        sync_all(through, run_id="first", order=["emails"])
    assert "first" in refused[0].why
    assert ends.verdict(settings, "emails") == []


LOSSES = {
    "the cursor": "DELETE FROM call_coach_sync._dlt_pipeline_state",
    "the inboxes": "DROP TABLE {inboxes}",
    "dlt's tables": "DROP TABLE call_coach_sync._dlt_loads, call_coach_sync._dlt_version",
    "what is known of rows": "TRUNCATE call_coach_sync.emails_rows; DELETE FROM sync_status",
    "all of it": "DROP SCHEMA call_coach_sync CASCADE",
}
INBOXES = """
SELECT string_agg('call_coach_sync.' || relname, ', ') FROM pg_class WHERE relname ~ '^inbox_' AND relkind = 'r'
"""


@pytest.mark.covers("P30")
@pytest.mark.parametrize("loss", LOSSES)
def test_state_that_is_lost_is_recovered_without_duplicates(ends: Ends, loss: str) -> None:
    settings = ends.stale("emails")
    with psycopg.connect(settings.database_url) as connection:
        inboxes = connection.execute(INBOXES).fetchall()[0][0]
        connection.execute(LOSSES[loss].format(inboxes=inboxes).encode())
    sync_all(settings, run_id="good", order=["emails"])
    assert ends.verdict(settings, "emails") == []

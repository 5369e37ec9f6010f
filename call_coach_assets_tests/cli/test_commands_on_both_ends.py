"""The commands in the order in which a person types them, against a real Postgres and an emulated BigQuery."""

import json
from typing import Any

import psycopg
import pytest
from click.testing import Result

from call_coach_assets_tests.cli.conftest import Ends, run

SIX = {"calls", "speakers", "transcripts", "opportunities", "call_opportunities", "emails"}


@pytest.fixture(scope="module")
def first(filled: Ends) -> Result:
    """The first sync of everything."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in filled.environment.items():
            patch.setenv(name, value)
        return run("sync")


def standings() -> dict[str, dict[str, Any]]:
    shown = run("status", "--json")
    assert shown.exit_code == 0, shown.stderr
    return {standing["entity"]: standing for standing in json.loads(shown.stdout)}


@pytest.mark.covers("P1", "P21", "P28")
def test_the_first_sync_carries_all_six_and_sums_up(first: Result, ends: Ends) -> None:
    assert first.exit_code == 0, first.output
    lines = {line.split()[0]: line.split() for line in first.stdout.splitlines() if line}
    assert lines.keys() >= SIX
    assert lines["calls"][1:3] == ["2", "2"]
    assert lines["emails"][-1] == "partial"
    assert "7 rows written, 2 errors" in first.stdout.splitlines()[-1]
    assert "\x1b" not in first.output
    assert "entity=calls rows_read=2 rows_synced=2 errors_count=0" in first.stderr
    assert "rows read, " not in first.stdout[: first.stdout.index("entity")], "the log tells each step already"


@pytest.mark.covers("P17")
def test_status_shows_both_ends_of_each_entity(first: Result, ends: Ends) -> None:
    told = standings()
    assert told.keys() == SIX
    rows = {name: (one["source_rows"], one["target_rows"]) for name, one in told.items()}
    assert rows["calls"] == (2, 2)
    assert rows["transcripts"] == (2, 1)
    assert (told["transcripts"]["waiting"], told["emails"]["dead_letters"]) == (1, 1)
    assert {one["lag_seconds"] for name, one in told.items() if name != "transcripts"} == {0.0}
    assert told["calls"]["last_run_id"] in first.stdout
    table = run("status").stdout
    assert "checkpoint (UTC)" in table
    assert "partial" in table


def test_a_change_at_the_source_shows_as_lag_until_it_is_synced(first: Result, ends: Ends) -> None:
    ends.warehouse.update("salesforce.opportunity", {"id": "006"}, name="A better deal")
    behind = standings()["opportunities"]
    assert behind["source_rows_newer"] == 1
    assert behind["lag_seconds"] > 0
    synced = run("sync", "opportunities")
    assert synced.exit_code == 0, synced.output
    assert "1 row written" in synced.stdout
    assert "calls" not in synced.stdout
    assert standings()["opportunities"]["lag_seconds"] == 0


def test_a_status_without_bigquery_shows_the_postgres_half_and_says_so(
    first: Result, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:1")
    shown = run("status")
    assert shown.exit_code == 1
    calls = next(line.split() for line in shown.stdout.splitlines() if line.startswith("calls"))
    assert calls[1] == "success"
    assert calls[4:9] == ["-", "-", "2", "0", "0"]  # lag, rows at both ends, waiting, dead letters
    assert "BigQuery says nothing of" in shown.stderr


@pytest.mark.covers("P13")
def test_a_dead_letter_is_listed_shown_retried_and_discarded(first: Result, ends: Ends) -> None:
    listed = run("dead-letters")
    assert listed.exit_code == 0, listed.stderr
    assert "no sent_at" in listed.stdout
    assert json.loads(run("dead-letters", "list", "emails", "--json").stdout)[0]["key"] == "e2"
    assert run("dead-letters", "list", "calls").stdout == "0 dead letters.\n"
    shown = run("dead-letters", "show", "emails", "e2")
    assert '"subject": "About e2"' in shown.stdout

    unknown = run("dead-letters", "discard", "emails", "e2", "e3")
    assert unknown.exit_code == 1
    assert "no dead letter e3" in unknown.stderr
    assert run("dead-letters", "show", "emails", "e2").exit_code == 0

    ends.warehouse.update("gong.email", {"id": "e2"}, restamp=False, sent_at="2025-01-05T10:00:00Z")
    assert run("dead-letters", "retry", "emails", "e2").exit_code == 0
    assert "1 row written" in run("sync", "emails").stdout
    assert run("dead-letters").stdout == "0 dead letters.\n"


def test_a_waiting_row_is_listed_with_the_parent_that_it_waits_for(first: Result, ends: Ends) -> None:
    listed = run("dead-letters", "list", "--waiting")
    assert listed.exit_code == 0, listed.stderr
    line = next(line for line in listed.stdout.splitlines() if line.startswith("transcripts"))
    assert line.split()[1] == "9/0"
    assert line.rstrip().endswith("calls 9")
    assert listed.stdout.endswith("1 waiting row.\n")
    told = json.loads(run("dead-letters", "list", "transcripts", "--waiting", "--json").stdout)
    assert [(row["entity"], row["key"], row["waits_for"]) for row in told] == [("transcripts", "9/0", "calls 9")]
    assert run("dead-letters", "list", "calls", "--waiting").stdout == "0 waiting rows.\n"


def test_discarded_letters_are_gone(first: Result, ends: Ends) -> None:
    with psycopg.connect(ends.database) as connection:
        connection.execute(
            "INSERT INTO call_coach_sync.dead_letters (entity, key, reason, payload, run_id)"
            " SELECT 'calls', 'c' || n, 'bad', '{}', 'r' FROM generate_series(1, 3) n"
        )
    assert run("dead-letters", "retry", "calls", "c1").exit_code == 1  # its payload has no key to read it by
    assert run("dead-letters", "discard", "calls").exit_code == 2  # neither a key nor --all
    assert run("dead-letters", "discard", "calls", "c1").stdout == "1 dead letter of calls.\n"
    assert run("dead-letters", "discard", "calls", "--all").stdout == "2 dead letters of calls.\n"
    assert run("dead-letters", "show", "calls", "c2").exit_code == 1


@pytest.mark.covers("P1", "P38")
def test_doctor_finds_nothing_wrong_but_a_leftover_gong_key(
    first: Result, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GONG_API_KEY", "top-secret")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", ends.database.replace("postgresql:", "postgresql+psycopg2:"))
    shown = run("doctor")
    assert shown.exit_code == 0, shown.output
    assert "GONG_API_KEY is set" in shown.stdout
    assert "top-secret" not in shown.output
    assert "1 warning, 0 errors" in shown.stdout.splitlines()[-1]

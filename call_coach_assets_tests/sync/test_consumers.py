"""Every statement that the application runs, on the synced sample: its rows are what the model says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from call_coach_assets_tests.sync.conftest import Sample

_TEXT = Path(__file__).with_name("consumers.sql").read_text(encoding="utf-8")
STATEMENTS = dict(re.findall(r"-- name: (\w+)[^\n]*\n(.+?;)", _TEXT, re.DOTALL))
SINCE = datetime(2025, 2, 1)  # the application's column has no zone: it holds UTC


@pytest.fixture
def connection(sample: Sample) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(sample.database) as connection:
        yield connection
        connection.rollback()


def run(connection: psycopg.Connection[Any], name: str, **values: Any) -> list[tuple[Any, ...]]:
    return connection.execute(STATEMENTS[name].encode(), values).fetchall()


def id_of(connection: psycopg.Connection[Any], statement: str, key: str) -> Any:
    return connection.execute(statement.encode(), [key]).fetchall()[0][0]


def naive(at: datetime | None) -> datetime | None:
    return at and at.astimezone(UTC).replace(tzinfo=None)


def speakers_of(sample: Sample, call: str, *, company_side: bool) -> list[str] | None:
    rows = sample.world.rows["speakers"].items()
    return sorted({row["name"] for key, row in rows if key[0] == call and row["company_side"] is company_side}) or None


def test_the_file_has_eight_statements() -> None:
    assert len(STATEMENTS) == _TEXT.count("-- name:") == 8


def test_rep_insights_counts_a_reps_calls(sample: Sample, connection: psycopg.Connection[Any]) -> None:
    calls, speakers = sample.world.rows["calls"], sample.world.rows["speakers"]
    email = next(row["email"] for row in speakers.values() if row["company_side"] and row["email"])
    of_rep = [(row["name"], key[0]) for key, row in speakers.items() if row["email"] == email and row["company_side"]]
    recent = {(name, call) for name, call in of_rep if (naive(calls[call,]["scheduled_at"]) or SINCE) >= SINCE}
    wanted = {(name, email, None, sum(other == name for other, _ in recent)) for name, _ in recent}
    assert wanted
    assert set(run(connection, "rep_insights", rep_email=email, since=SINCE)) == wanted


def test_search_calls_finds_topics_with_both_sides(sample: Sample, connection: psycopg.Connection[Any]) -> None:
    topics = ["Pricing", "Security"]
    found = {key[0] for key, row in sample.world.rows["transcripts"].items() if set(row["topics"]) & set(topics)}
    wanted = [
        (
            *(call, row["title"], naive(row["scheduled_at"]), row["duration_seconds"], row["call_type"]),
            speakers_of(sample, call, company_side=False),
            speakers_of(sample, call, company_side=True),
        )
        for (call,), row in sample.world.rows["calls"].items()
        if call in found
    ]
    wanted.sort(key=lambda row: row[2], reverse=True)
    assert len(wanted) > 3
    assert run(connection, "search_calls", topics=topics) == wanted


def test_dashboard_lists_a_reps_days(sample: Sample, connection: psycopg.Connection[Any]) -> None:
    name = next(row["prefect_reps"][0] for row in sample.world.rows["calls"].values() if row["prefect_reps"])
    rows = [row for row in sample.world.rows["calls"].values() if name in row["prefect_reps"]]
    found = run(connection, "dashboard_by_rep_and_day", rep_name=name)
    assert sorted(found, key=str) == sorted(((row["date"], row["title"]) for row in rows), key=str)


@pytest.mark.covers("P15", "P16")
def test_transcript_is_in_order_with_who_spoke(sample: Sample, connection: psycopg.Connection[Any]) -> None:
    speakers = sample.world.rows["speakers"]
    for (call,) in [*list(sample.world.rows["calls"])[:3], ("9000000000000000001",)]:
        identifier = id_of(connection, "SELECT id FROM calls WHERE gong_call_id = %s", call)
        lines = sorted((k[1], row) for k, row in sample.world.rows["transcripts"].items() if k[0] == call)
        spoken = [(number, row, speakers.get((call, row["speaker_id"]), {})) for number, row in lines]
        assert run(connection, "transcript", call_id=identifier) == [
            (number, row["start_time_ms"], who.get("name"), who.get("company_side"), row["text"])
            for number, row, who in spoken
        ]


def test_transcript_search_finds_words(sample: Sample, connection: psycopg.Connection[Any]) -> None:
    texts = {key: row["text"] for key, row in sample.world.rows["transcripts"].items()}
    matching = connection.execute(
        "SELECT i FROM unnest(%s::text[]) WITH ORDINALITY AS t (line, i)"
        " WHERE to_tsvector('english', line) @@ plainto_tsquery('english', 'security teams')",
        [list(texts.values())],
    ).fetchall()
    wanted = {list(texts)[i - 1] for (i,) in matching}
    calls = dict(connection.execute("SELECT id, gong_call_id FROM calls").fetchall())
    found = {(calls[call], number) for call, number in run(connection, "transcript_search", words="security teams")}
    assert found == wanted
    assert wanted


@pytest.mark.covers("E2", "O6")
def test_opportunity_timeline_holds_calls_and_emails(sample: Sample, connection: psycopg.Connection[Any]) -> None:
    rows = sample.world.rows
    for opportunity in sorted({pair[1] for pair in rows["call_opportunities"]})[:4]:
        identifier = id_of(connection, "SELECT id FROM opportunities WHERE gong_opportunity_id = %s", opportunity)
        linked = [rows["calls"][pair[:1]] for pair in rows["call_opportunities"] if pair[1] == opportunity]
        wanted = [("call", row["title"], row["scheduled_at"]) for row in linked]
        mails = [row for row in rows["emails"].values() if row["opportunity_id"] == opportunity]
        wanted += [("email", row["subject"], row["sent_at"]) for row in mails]
        found = run(connection, "opportunity_timeline", opportunity_id=identifier)
        assert 0 < len(wanted) <= 20
        assert sorted(found, key=str) == sorted(
            ((kind, what, at and at.astimezone(found[0][2].tzinfo)) for kind, what, at in wanted), key=str
        )


@pytest.mark.covers("O4", "O6", "E2")
def test_search_opportunities_counts_calls_and_emails(sample: Sample, connection: psycopg.Connection[Any]) -> None:
    rows = sample.world.rows
    owner = next(row["owner_email"] for row in rows["opportunities"].values() if row["owner_email"])
    wanted = {
        key: (
            sum(pair[1] == key for pair in rows["call_opportunities"]),
            sum(row["opportunity_id"] == key for row in rows["emails"].values()),
        )
        for (key,), row in rows["opportunities"].items()
        if row["owner_email"] == owner
    }
    found = run(connection, "search_opportunities", owner=owner)
    assert {row[1]: row[-2:] for row in found} == wanted


@pytest.mark.covers("E8", "O8")
def test_sync_status_says_how_each_entity_stands(sample: Sample, connection: psycopg.Connection[Any]) -> None:
    found = {row[0]: row[2:] for row in run(connection, "sync_status")}
    assert found == {name: (r.status, r.rows_synced, r.errors_count) for name, r in sample.results.items()}


MORE = """
INSERT INTO opportunities (gong_opportunity_id, name, owner_email, stage, close_date, health_score, updated_at)
SELECT 'o' || i, 'Deal', 'owner' || i % 300, 'stage' || i % 50, date '2025-01-01' + i % 300,
       CASE WHEN i % 20 = 0 THEN i % 100 END, now() - make_interval(mins => i)
FROM generate_series(1, 6000) AS i;
INSERT INTO emails (gong_email_id, opportunity_id, sent_at)
SELECT 'e' || row_number() OVER (), id, now() FROM opportunities, generate_series(1, 3);
INSERT INTO transcripts (call_id, sequence_number, text)
SELECT c.id, 1000 + i, 'word' || i || ' and ' || repeat('other words ', 9) FROM calls c, generate_series(1, 300) AS i;
SELECT gin_clean_pending_list('idx_transcripts_search');
ANALYZE;
"""
FILTERS = {
    "idx_opportunities_stage": "SELECT * FROM opportunities WHERE stage = 'stage7' AND close_date > '2025-06-01'",
    "idx_opportunities_health": "SELECT * FROM opportunities WHERE health_score < 3",
    "idx_opportunities_owner": STATEMENTS["search_opportunities"].replace("%(owner)s", "'owner7'"),
    "idx_transcripts_search": STATEMENTS["transcript_search"].replace("%(words)s", "'word123'"),
    "idx_emails_opportunity": STATEMENTS["opportunity_timeline"].replace(
        "%(opportunity_id)s", "(SELECT id FROM opportunities WHERE gong_opportunity_id = 'o77')"
    ),
}


@pytest.mark.covers("E13", "O13")
def test_the_planner_takes_the_named_indexes(sample: Sample, connection: psycopg.Connection[Any]) -> None:
    connection.execute(MORE)
    for index, statement in FILTERS.items():
        plan = "\n".join(row[0] for row in connection.execute(b"EXPLAIN " + statement.encode()))
        assert index in plan, plan

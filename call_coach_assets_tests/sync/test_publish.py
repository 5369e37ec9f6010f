"""What one publish does to the target, with an inbox that the test fills by hand."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

import pytest

from call_coach_assets.errors import TargetMissingError, TargetRefusedError
from call_coach_assets_tests.sync.inbox import NOON, Inbox, call, deal, email, line, pair, speaker


@pytest.mark.covers("O9", "E9", "P31", "E8")
def test_rows_are_inserted_updated_where_they_differ_and_left_alone_otherwise(inbox: Inbox) -> None:
    first = inbox.sync(
        "opportunities", deal("1", amount="10.129", stage="New", metadata={"a": 1}), deal("2"), deal("3")
    )
    assert (first.inserted, first.updated, first.unchanged, first.deleted) == (3, 0, 0, 0)
    assert inbox.rows("SELECT amount FROM opportunities WHERE gong_opportunity_id = '1'") == [Decimal("10.13")]
    ids = inbox.rows("SELECT id FROM opportunities ORDER BY gong_opportunity_id")
    before = inbox.rows("SELECT gong_opportunity_id, ctid::text, xmin::text, updated_at FROM opportunities ORDER BY 1")
    second = inbox.sync(
        "opportunities",
        deal("1", amount="10.13", stage="New", metadata='{ "a" : 1 }'),
        deal("2", stage="Won"),
        deal("4"),
        minutes=60,
    )
    assert (second.inserted, second.updated, second.unchanged) == (1, 1, 1)
    after = inbox.rows("SELECT gong_opportunity_id, ctid::text, xmin::text, updated_at FROM opportunities ORDER BY 1")
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1][3] > before[1][3]
    assert inbox.rows("SELECT id FROM opportunities ORDER BY gong_opportunity_id")[:3] == ids
    assert inbox.status("opportunities") == (NOON + timedelta(hours=1), "success", 2, 0, [])
    assert inbox.rows("SELECT count(*) FROM sync.inbox_opportunities") == [0]
    assert (second.checkpoint_before, second.checkpoint_after) == (NOON, NOON + timedelta(hours=1))


@pytest.mark.covers("P30", "O9")
def test_a_publish_of_the_same_rows_writes_nothing(inbox: Inbox) -> None:
    content = {
        "calls": [call(1, prefect_reps='["Al", "Bo"]', scheduled_at=NOON, date=NOON.date(), metadata={"x": [1]})],
        "speakers": [speaker(1, "a", email="a@x.io", talk_time_percentage="33.333")],
        "transcripts": [line(1, n, gong_speaker_id="a", chunk_metadata={"start_ms": n}) for n in range(5)],
        "opportunities": [deal("d")],
        "emails": [email("e", gong_opportunity_id="d", recipients='["x@y.z"]')],
        "call_opportunities": [pair(1, "d")],
    }
    for entity, rows in content.items():
        assert inbox.sync(entity, *rows).inserted == len(rows)
    tables = [*content, *(f"sync.{name}_rows" for name in content)]
    before = [inbox.versions(table) for table in tables]
    for entity, rows in content.items():
        again = inbox.sync(entity, *rows)
        assert (again.inserted, again.updated, again.deleted, again.unchanged) == (0, 0, 0, len(rows)), entity
    assert [inbox.versions(table) for table in tables] == before
    for entity in content:
        assert inbox.publish(entity).unchanged == 0
    assert [inbox.versions(table) for table in tables] == before


@pytest.mark.covers("P31")
def test_every_type_arrives_as_the_target_has_it(inbox: Inbox) -> None:
    odd = r'{"nul": "a\u0000\u0000b", "kept": "a\\u0000b", "mixed": "\\\u0000"}'
    inbox.sync(
        "calls", call(1, scheduled_at=NOON, date=NOON.date(), prefect_reps='["B \\"b\\"", "a,{}"]', metadata=odd)
    )
    inbox.sync("calls", call(2, prefect_reps=None, processed_at=NOON))
    assert inbox.rows("SELECT scheduled_at::text, date::text, prefect_reps FROM calls ORDER BY gong_call_id") == [
        ("2025-03-01 12:00:00", "2025-03-01", ['B "b"', "a,{}"]),
        (None, None, []),
    ]
    (metadata,) = inbox.rows("SELECT metadata FROM calls WHERE gong_call_id = '1'")
    assert metadata == {"nul": "a\ufffd\ufffdb", "kept": "a\\u0000b", "mixed": "\\\ufffd"}
    inbox.sync("calls", call(3, metadata='{"b": 1}', _extra='{"new": 5, "b": 2}'))
    assert inbox.rows("SELECT metadata FROM calls WHERE gong_call_id = '3'") == [{"b": 1, "new": 5}]


@pytest.mark.covers("P31")
def test_columns_of_the_application_are_set_on_insert_at_most(inbox: Inbox) -> None:
    inbox.sync("calls", call(1, processed_at=NOON))
    inbox.run("UPDATE calls SET product = 'x', overall_score = 7, processed_at = '2020-01-01'")
    inbox.sync("calls", call(1, title="Other", processed_at=NOON + timedelta(days=1)))
    assert inbox.rows("SELECT title, product, overall_score, processed_at::text FROM calls") == [
        ("Other", "x", 7, "2020-01-01 00:00:00")
    ]


def test_a_column_whose_source_is_gone_keeps_what_it_has(inbox: Inbox) -> None:
    inbox.sync("opportunities", deal("d", stage="Won"))
    inbox.sync("emails", email("e", subject="Hi", sender_email="a@b.c", gong_opportunity_id="d"))
    gone = frozenset({"subject", "gong_opportunity_id"})
    again = inbox.sync("emails", email("e", sender_email="new@b.c"), email("f"), unfed_columns=gone)
    assert (again.updated, again.inserted) == (1, 1)
    assert inbox.rows("SELECT subject, sender_email, opportunity_id IS NULL FROM emails WHERE gong_email_id = 'e'") == [
        ("Hi", "new@b.c", False)
    ]
    assert inbox.sync("emails", email("f"), unfed_columns=gone).unchanged == 1


@pytest.mark.covers("P8")
def test_a_new_column_of_the_target_is_filled_and_outlives_its_source(inbox: Inbox) -> None:
    inbox.run("ALTER TABLE opportunities ADD COLUMN region text, ADD COLUMN seats int")
    inbox.run("INSERT INTO sync.source_columns VALUES ('opportunities', 'Region__c', 'STRING', 'region')")
    inbox.run("INSERT INTO sync.source_columns VALUES ('opportunities', 'seats', 'INT64', 'seats')")
    inbox.sync("opportunities", deal("1", _extra={"Region__c": "EMEA", "seats": 4}), deal("2"))
    assert inbox.rows("SELECT region, seats FROM opportunities ORDER BY 1") == [("EMEA", 4), (None, None)]
    inbox.sync("opportunities", deal("1", _extra={"seats": None}), deal("2"))
    assert inbox.rows("SELECT region, seats FROM opportunities ORDER BY 1") == [("EMEA", None), (None, None)]


@pytest.mark.covers("E9", "P30")
def test_of_several_versions_the_newest_load_wins_then_the_newest_stamp_and_ties_are_stable(inbox: Inbox) -> None:
    inbox.land("calls", call(1, title="old load"), minutes=90)
    load = inbox.land("calls", call(1, title="early"), call(2, title="b"), call(2, title="a"))
    inbox.land("calls", call(1, title="late"), load=load, minutes=5)
    inbox.land("calls", call(1, title="deleted"), load=load, minutes=4)
    assert inbox.publish("calls").inserted == 2
    titles = inbox.rows("SELECT title FROM calls ORDER BY gong_call_id")
    assert titles[0] == "late"
    inbox.sync("calls", call(2, title="a"), call(2, title="b"))
    assert inbox.rows("SELECT title FROM calls ORDER BY gong_call_id") == titles


@pytest.mark.covers("E8", "O8")
def test_a_checkpoint_never_goes_back_nor_follows_what_was_read_again_by_key(inbox: Inbox) -> None:
    assert inbox.publish("emails").checkpoint_after is None
    assert inbox.status("emails")[1] == "success"
    inbox.sync("emails", email("1"), minutes=30)
    inbox.sync("emails", email("2"), minutes=-30)
    result = inbox.sync("emails", email("3", _cursor=None), minutes=600)
    assert result.checkpoint_after == NOON + timedelta(minutes=30)
    assert inbox.status("emails")[:3] == (NOON + timedelta(minutes=30), "success", 1)


@pytest.mark.covers("P32")
def test_every_row_leads_to_the_load_the_run_and_the_query_that_wrote_it(inbox: Inbox) -> None:
    lineage = (
        "SELECT c.gong_call_id, s.run_id, s.dlt_load_ids, q.text FROM calls c JOIN sync.calls_rows r ON r.id = c.id"
        " JOIN sync.sync_runs s ON s.load = r.load JOIN sync.queries q ON q.sha256 = s.query_sha256 ORDER BY 1"
    )
    inbox.run("INSERT INTO calls (gong_call_id, title, metadata) VALUES ('3', 'A call', '{}')")
    first = inbox.land("calls", call(1), call(2), call(3))
    inbox.publish("calls", run_id="one", query="SELECT 1", query_sha256="a")
    second = inbox.land("calls", call(1), call(2, title="New"))
    inbox.publish("calls", run_id="two", query="SELECT 2", query_sha256="b", bytes_billed=7)
    assert inbox.rows(lineage) == [
        ("1", "one", [first], "SELECT 1"),
        ("2", "two", [second], "SELECT 2"),
        ("3", "one", [first], "SELECT 1"),
    ]
    (counts,) = inbox.rows("SELECT counts FROM sync.sync_runs WHERE run_id = 'two' AND finished_at >= started_at")
    assert (counts["updated"], counts["unchanged"], counts["bytes_billed"]) == (1, 1, 7)


@pytest.mark.covers("E3", "O12")
def test_warnings_of_the_query_are_summed_up(inbox: Inbox) -> None:
    result = inbox.sync("emails", *(email(str(n), _warnings='["no sender"]') for n in range(3)), email("x"))
    assert result.warnings == ("no sender (3 rows, 0 the first)",)


def test_a_table_that_is_not_as_declared_is_named_and_nothing_is_lost(inbox: Inbox) -> None:
    inbox.land("calls", call(1))
    inbox.run("ALTER TABLE calls RENAME COLUMN call_type TO kind")
    with pytest.raises(TargetMissingError, match="call_type"):
        inbox.publish("calls")
    inbox.run("ALTER TABLE calls RENAME COLUMN kind TO call_type")
    inbox.run("ALTER TABLE sync_status RENAME TO away")
    with pytest.raises(TargetMissingError, match="sync_status"):
        inbox.publish("calls")
    inbox.run("ALTER TABLE away RENAME TO sync_status")
    assert inbox.rows("SELECT count(*) FROM calls") == [0]
    assert inbox.publish("calls").inserted == 1
    inbox.run("ALTER TABLE calls ADD CHECK (product IS NOT NULL) NOT VALID")
    inbox.land("calls", *(call(n) for n in range(1000, 2001)))
    with pytest.raises(TargetRefusedError, match="every row of calls"):
        inbox.publish("calls")
    assert inbox.rows("SELECT count(*) FROM sync.inbox_calls") == [1001]


@pytest.mark.covers("P18")
def test_counts_are_those_of_the_rows_that_changed(inbox: Inbox) -> None:
    inbox.sync("calls", call(1), call(2), call(3))
    done = inbox.sync("calls", call(1, title="x"), call(2), call(3, _deleted=True), call(4), call(5, _rejected="no id"))
    counts = {
        k: v for k, v in asdict(done).items() if k in {"inserted", "updated", "unchanged", "deleted", "dead_lettered"}
    }
    assert counts == {"inserted": 1, "updated": 1, "unchanged": 1, "deleted": 1, "dead_lettered": 1}
    assert inbox.status("calls")[1:4] == ("partial", 3, 1)

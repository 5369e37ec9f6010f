"""What the queries of calls, speakers and transcripts answer for a handful of rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from call_coach_assets_tests.sync.reader import AT, EVER, NEVER, Reader, part
from call_coach_assets_tests.warehouse import Warehouse


@pytest.fixture
def reader(warehouse: Warehouse) -> Iterator[Reader]:
    warehouse.create_all()
    opened = Reader(warehouse)
    yield opened
    opened.client.close()


@pytest.mark.covers("P14", "P5")
def test_a_call_carries_its_representatives_and_changes_with_them(warehouse: Warehouse, reader: Reader) -> None:
    url = {"url": "https://gong.test/1", "direction": "Outbound", "scope": "External", "language": "eng"}
    warehouse.insert("gong.call", [{"id": 1, "title": "Old", "workspace_id": "a"}, {"id": None, "title": "No id"}])
    warehouse.insert(
        "gong.call",
        [
            {"id": 1, "title": "Demo", "workspace_id": "b", "scheduled": AT, "duration": 61, "purpose": "Demo", **url},
            {"id": 2, "started": "2025-03-02 09:30:00+02:00"},
            {"id": 3, "started": "soon", "_fivetran_deleted": True},
        ],
    )
    people = [("a", 7, "ANN@prefect.io"), ("b", 8, "bo@Prefect.com"), ("c", 9, "x@sub.prefect.io"), ("d", 7, "")]
    warehouse.insert("gong.users", [{"id": u, "email_address": m, "first_name": s} for s, u, m in people[:3]])
    warehouse.insert("gong.call_speaker", [{"id": s, "call_id": 1, "user_id": u} for s, u, _ in people])
    rows = reader.read("calls")
    wanted = {"title": "Demo", "scheduled_at": AT, "duration_seconds": 61, "call_type": "Demo", "date": AT.date()}
    wanted |= {"processed_at": AT, "prefect_reps": ["a", "b"], "_deleted": False, "_rejected": None, "_warnings": []}
    assert part(rows["1",], **wanted) == wanted
    metadata = rows["1",]["metadata"]
    assert (metadata["gong_url"], metadata["scope"], metadata["workspace_id"]) == (url["url"], "External", "b")
    assert rows["2",]["scheduled_at"] == rows["2",]["processed_at"] == datetime(2025, 3, 2, 7, 30, tzinfo=UTC)
    assert rows["3",]["processed_at"] is not None
    assert (rows["3",]["scheduled_at"], rows["3",]["_warnings"]) == (None, ["started is no timestamp: soon"])
    assert (rows["3",]["_deleted"], rows[None,]["_rejected"]) == (True, "the call has no id")
    assert rows["1",]["_changed_at"] == warehouse.now

    since = warehouse.advance()
    warehouse.update("gong.users", {"id": 7}, first_name="Ann", last_name="Lee")
    assert {key: row["prefect_reps"] for key, row in reader.read("calls", since).items()} == {("1",): ["Ann Lee", "b"]}
    since = warehouse.advance()
    warehouse.update("gong.call_speaker", {"id": "b"}, _fivetran_deleted=True)
    assert {key: row["prefect_reps"] for key, row in reader.read("calls", since).items()} == {("1",): ["Ann Lee"]}
    assert set(reader.read("calls", NEVER, "gong_call_id", ["2", "9"])) == {("2",)}


@pytest.mark.covers("P16")
def test_a_speaker_has_the_best_name_there_is_and_a_share_of_the_talk(warehouse: Warehouse, reader: Reader) -> None:
    talk = {"user": 10.5, "guest": 20, "words": 0.0, "nobody": None, "gone": 99}
    rows: list[dict[str, Any]] = [{"id": key, "call_id": 1, "talk_time": value} for key, value in talk.items()]
    rows[0]["user_id"] = 7
    rows[4]["_fivetran_deleted"] = True
    warehouse.insert("gong.users", [{"id": 7, "email_address": "u@else.io", "first_name": " Ann", "last_name": "Lee "}])
    warehouse.insert("gong.call_speaker", [*rows, {"id": None, "call_id": 1}])
    participants = [
        {"speaker_id": "user", "email_address": "p@x.io", "name": "Other", "affiliation": "Internal"},
        {"speaker_id": "guest", "email_address": "g@x.io", "name": "A Guest", "affiliation": "External"},
        {"speaker_id": "words", "email_address": "jane.m_doe-smith@prefect.io", "affiliation": "Unknown"},
    ]
    warehouse.insert(
        "gong.call_participant", [{"id": f"p{i}", "call_id": "1", **p} for i, p in enumerate(participants)]
    )
    found = reader.read("speakers")
    columns = ("name", "email", "company_side", "talk_time_seconds", "talk_time_percentage")
    told = {key: tuple(found["1", key][column] for column in columns) for key in ("user", "guest", "words", "nobody")}
    assert told["user"] == ("Ann Lee", "u@else.io", True, 11, "34.43")
    assert told["guest"] == ("A Guest", "g@x.io", False, 20, "65.57")
    assert told["words"][:4] == ("Jane M Doe Smith", "jane.m_doe-smith@prefect.io", True, 0)
    assert told["nobody"] == ("Speaker nobody", None, False, None, None)
    assert found["1", "gone"]["_deleted"]
    assert found["1", None]["_rejected"] == "the speaker has no id"

    since = warehouse.advance()
    warehouse.update("gong.call_speaker", {"id": "guest"}, talk_time=10.5)
    again = reader.read("speakers", since)
    assert [float(again["1", key]["talk_time_percentage"]) for key in ("user", "guest")] == [50, 50]
    assert {row["_changed_at"] for row in again.values()} == {warehouse.now}


TWO = '[{"start": 100, "end": 900, "text": "Hi"}, {"start": "1000", "end": 1999.6, "text": "there"}]'
KEPT_AS_THEY_CAME = (
    "plain words",
    '["a", "b"]',
    '{"text": "alone"}',
    '[{"start": 1, "end": 2, "text": "kept"}, {"start": 3}]',
    '[{"start": 1, "text": "cut sh',
)
SENTENCES = {
    TWO: ("Hi there", 100, 2000),
    "[ ]": ("", None, None),
    **{text: (text, None, None) for text in KEPT_AS_THEY_CAME},
}


@pytest.mark.covers("P15")
def test_a_monologue_is_its_sentences_and_no_text_is_ever_lost(warehouse: Warehouse, reader: Reader) -> None:
    lines = [
        {"call_id": "1", "index": i, "sentence": s, "topic": "Price" if i else " "} for i, s in enumerate(SENTENCES)
    ]
    warehouse.insert("gong.transcript", [*lines, {"call_id": "1", "index": 90}, {"call_id": "1", "sentence": "?"}])
    warehouse.insert("gong.transcript", [{"call_id": "2", "index": 0, "sentence": "old", "workspace_id": "a"}])
    warehouse.insert("gong.transcript", [{"call_id": "2", "index": 0, "sentence": "new", "workspace_id": "b"}])
    found = reader.read("transcripts")
    for i, (text, start, end) in enumerate(SENTENCES.values()):
        row = found["1", i]
        assert (row["text"], row["start_time_ms"], row["chunk_metadata"]["end_ms"]) == (text, start, end)
        assert row["topics"] == (["Price"] if i else [])
    assert found["1", 0]["chunk_metadata"] == {"start_ms": 100, "end_ms": 2000, "duration_ms": 1900, "topic": None}
    assert found["1", 90]["_rejected"] == "the monologue has no sentence"
    assert found["1", None]["_rejected"] == "the monologue has no index that is a number"
    assert found["2", 0]["text"] == "new"
    stampless = {"workspace_id": "a2", "_fivetran_synced": None}
    warehouse.insert("gong.transcript", [{"call_id": "2", "index": 0, "sentence": "read each time", **stampless}])
    texts = [reader.read("transcripts", since)["2", 0]["text"] for since in (EVER, NEVER)]
    assert texts == ["read each time"] * 2, "whatever else a run reads"

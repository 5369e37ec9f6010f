"""The model itself, on rows whose results are worked out by hand: a judge must be right before it judges."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from call_coach_assets_tests.oracle import World, differences, expected

NOON = datetime(2025, 3, 4, 12, tzinfo=UTC)
LATER = datetime(2025, 3, 4, 13, tzinfo=UTC)


def gong(**values: Any) -> dict[str, Any]:
    return {"_fivetran_synced": NOON, "_fivetran_deleted": False, **values}


def salesforce(**values: Any) -> dict[str, Any]:
    return {"_fivetran_synced": NOON, "is_deleted": False, **values}


def talk() -> dict[str, list[dict[str, Any]]]:
    return {
        "gong.call": [
            gong(id=7, title="Old", scheduled="2025-03-04T10:00:00+02:00", duration=90.5, url="u", scope="External"),
            gong(id="7", title="New", scheduled="2025-03-04T10:00:00+02:00", _fivetran_synced=LATER, scope="External"),
            gong(id=8, title="Gone", _fivetran_deleted=True),
            gong(id=9, metadata='{"opportunity_ids": ["006A", 5], "opportunity_id": "006B"}'),
        ],
        "gong.call_speaker": [
            gong(id=1, call_id="7", user_id="30", talk_time=30.5),
            gong(id=2, call_id=7, user_id=None, talk_time=61.0),
            gong(id=3, call_id=7, user_id=None, talk_time=None),
            gong(id=4, call_id=8, user_id=None, talk_time=1),
            gong(id=5, call_id=6, user_id=None, talk_time=1),
            gong(id=None, call_id=7, user_id=None, talk_time=None),
        ],
        "gong.users": [gong(id=30, email_address="ann@Prefect.io", first_name="Ann", last_name="Lee")],
        "gong.call_participant": [
            gong(id=1, call_id=7, speaker_id="2", email_address="jane_m.doe@x.com", name=" ", affiliation="External"),
            gong(id=2, call_id=7, speaker_id=3, email_address=None, name=None, affiliation="Internal"),
        ],
        "gong.transcript": [
            gong(call_id=7, index=0, speaker_id=1, topic="Price", sentence='[{"start":5,"text":"a"},{"text":"b"}]'),
            gong(call_id=7, index=1, speaker_id=99, topic="", sentence='[{"text":"a"}, "b"]'),
            gong(call_id=6, index=0, speaker_id=1, topic=None, sentence="plain"),
            gong(call_id=7, index=None, speaker_id=1, topic=None, sentence="plain"),
        ],
    }


def test_a_call_is_read_from_its_newest_row_with_its_reps() -> None:
    world = expected(talk())
    assert set(world.rows["calls"]) == {("7",), ("9",)}
    call = world.rows["calls"]["7",]
    assert (call["title"], call["duration_seconds"], call["prefect_reps"]) == ("New", None, ["Ann Lee", "Speaker 3"])
    assert (call["scheduled_at"], call["date"]) == (datetime(2025, 3, 4, 8, tzinfo=UTC), date(2025, 3, 4))


def test_speakers_are_named_placed_and_measured() -> None:
    world = expected(talk())
    facts = {
        key[1]: (row["name"], row["email"], row["company_side"], row["talk_time_seconds"], row["talk_time_percentage"])
        for key, row in world.rows["speakers"].items()
    }
    assert facts == {
        "1": ("Ann Lee", "ann@Prefect.io", True, 31, Decimal("33.33")),
        "2": ("Jane M Doe", "jane_m.doe@x.com", False, 61, Decimal("66.67")),
        "3": ("Speaker 3", None, True, None, None),
    }
    assert world.waiting["speakers"] == {("6", "5")}
    assert world.dead_letters["speakers"] == {("7", None)}


def test_monologues_are_read_from_json_and_from_plain_text() -> None:
    world = expected(talk())
    rows = world.rows["transcripts"]
    assert rows["7", 0]["text"] == "a b"
    assert (rows["7", 0]["start_time_ms"], rows["7", 0]["topics"], rows["7", 0]["speaker_id"]) == (5, ["Price"], "1")
    assert rows["7", 1] == {
        "text": '[{"text":"a"}, "b"]',
        "start_time_ms": None,
        "topics": [],
        "speaker_id": None,
        "chunk_metadata": {"start_ms": None, "end_ms": None, "duration_ms": None, "topic": None},
    }
    assert world.waiting["transcripts"] == {("6", 0)}
    assert world.dead_letters["transcripts"] == {("7", None)}


def deals() -> dict[str, list[dict[str, Any]]]:
    return {
        "salesforce.opportunity": [
            salesforce(Id="006A", Name="Big", StageName="Won", CloseDate="soon", Amount="12.345", AccountId="1"),
            salesforce(Id="006B", Name=None, is_deleted=False),
            salesforce(Id="006C", Name="Gone", is_deleted=True),
        ],
        "salesforce.account": [salesforce(id="1", name="Acme")],
        "gong.opportunity": [gong(id="006A", health_score=71.456)],
        "gong.email": [
            gong(id="e1", opportunity_id="006A", sent_at=NOON, body="x" * 501),
            gong(id="e2", opportunity_id="006Z", sent_at="never", body=None),
            gong(id="e3", sent_at=None),
        ],
        "gong.email_recipient": [
            gong(email_id="e1", email_address="b@x.com"),
            gong(email_id="e1", email_address="a@x.com"),
            gong(email_id="e1", email_address="c@x.com", _fivetran_deleted=True),
        ],
    }


def test_opportunities_warn_of_what_cannot_be_read_or_found() -> None:
    world = expected(deals())
    assert set(world.rows["opportunities"]) == {("006A",)}
    row = world.rows["opportunities"]["006A",]
    assert (row["stage"], row["close_date"], row["amount"]) == ("Won", None, Decimal("12.35"))
    assert (row["account_name"], row["owner_email"], row["health_score"]) == ("Acme", None, Decimal("71.46"))
    assert row["warnings"] is True
    assert world.dead_letters["opportunities"] == {("006B",)}


def test_emails_hold_their_addresses_and_a_snippet() -> None:
    world = expected(deals())
    first, second = world.rows["emails"]["e1",], world.rows["emails"]["e2",]
    assert (first["recipients"], first["opportunity_id"]) == (["a@x.com", "b@x.com"], "006A")
    assert len(first["body_snippet"]) == 500
    assert (second["recipients"], second["sent_at"], second["opportunity_id"]) == ([], None, None)
    assert (first["warnings"], second["warnings"]) == (True, True)
    assert world.dead_letters["emails"] == {("e3",)}


def test_pairs_come_from_each_link_source_once() -> None:
    links = {
        "gong.call_context_integration": [
            gong(name="Amount", object_id="006A", object_type="Opportunity", call_id=7),
            gong(name="Stage", object_id="006A", object_type="Opportunity", call_id=7),
            gong(name="Name", object_id="001", object_type="Account", call_id=7),
        ],
        "salesforce.gong_gong_call_c": [salesforce(id="g", gong_call_id_c="7", gong_primary_opportunity_c="006C")],
    }
    world = expected(talk() | deals() | links)
    assert set(world.rows["call_opportunities"]) == {("7", "006A"), ("9", "006A")}
    assert world.waiting["call_opportunities"] == {("9", "5"), ("9", "006B")}


def test_a_deleted_row_stays_where_the_application_hangs_on_it() -> None:
    world = expected(talk(), pinned={"speakers": {("8", "4")}})
    assert world.rows["calls"]["8",]["source_deleted"] is True
    assert ("8", "4") in world.rows["speakers"]


def test_differences_name_the_row_and_the_column() -> None:
    wanted: World = expected(talk() | deals())
    found = copy.deepcopy(wanted)
    assert differences(wanted, found) == []
    found.rows["calls"]["7",]["title"] = "Other"
    found.rows["emails"]["e1",]["metadata"]["body"] = "y"
    del found.rows["speakers"]["7", "2"]
    found.waiting["speakers"].clear()
    lines = differences(wanted, found)
    assert lines[0] == "calls ('7',) title: expected 'New', found 'Other'"
    assert lines[1] == "speakers: rows missing (1): ('7', '2')"
    assert lines[2] == "speakers: waiting missing (1): ('6', '5')"
    assert lines[3].startswith("emails ('e1',) metadata: expected")
    assert len(lines) == 4
    assert len(differences(wanted, found, ignore={"calls.title"})) == 3

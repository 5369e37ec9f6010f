"""Warehouses that are legal and odd: what the mapping's sentences decide and no good row shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from call_coach_assets.local.sample_schema import SOURCE_SCHEMAS
from call_coach_assets_tests.sync.story import address, call, email, monologue, opportunity, speaker
from call_coach_assets_tests.warehouse import Warehouse

NOON = datetime(2025, 1, 6, 12, tzinfo=UTC)
EVENING = datetime(2025, 1, 6, 18, tzinfo=UTC)
NIGHT = datetime(2025, 1, 6, 23, tzinfo=UTC)  # newer than both rows of a key that comes twice
GONE = {"_fivetran_deleted": True}

_SENTENCES = (
    '[{"start": 5, "end": 9, "text": "a"}, {"start": 10, "end": 19, "text": "b"}]',
    '[{"start": 5, "end": 9, "text": "a"}, "b"]',
    '[{"start": 5, "end": 9, "text": "a"}, {"start": 10, "end": 19}]',
    '["a", "b"]',
    "[1, 2]",
    '{"text": "an object"}',
    '"a JSON text"',
    "null",
    "17",
    "",
    " [not JSON at all] ",
    '[{"text": "only a text"}]',
    '[{"text": "quotes \\" and \\u00e4 and \\n lines", "start": 0, "end": 1}]',
    '[{"text": "times as texts", "start": "7", "end": "11"}]',
    '[{"text": "times with fractions", "start": 7.0, "end": 11.5}]',
    '[{"text": "", "start": 1, "end": 2}, {"text": "after nothing", "start": 3, "end": 4}]',
    '[{"text": "nested", "start": 1, "end": 2, "words": [{"text": "inner"}]}]',
)


def fill_talk(warehouse: Warehouse) -> None:
    """Calls, speakers and transcripts: keys that come twice, people that are told of in several places."""
    warehouse.insert(
        "gong.call",
        [
            call(1, workspace_id="a", title="older, not deleted", _fivetran_synced=NOON),
            call(1, workspace_id="b", title="newest", _fivetran_synced=EVENING),
            call(2, workspace_id="a", _fivetran_synced=NOON),
            call(2, workspace_id="b", _fivetran_synced=EVENING, **GONE),
            call(3, title="Ünïcode 😀 'quoted' \\ \t tab", purpose="", url=None, is_private=True, primary_user_id=30),
            call(4, scheduled=None, started="2025-03-01 10:00:00.5+05:30", duration=0),
            call(5, metadata='{"opportunity_id": "006A", "opportunity_ids": ["006A", "006B", null]}'),
            call(6, metadata='["006A"]'),
        ],
    )
    warehouse.insert("gong.users", list(_users()))
    warehouse.insert("gong.call_speaker", list(_speakers()))
    warehouse.insert("gong.call_participant", list(_participants()))
    lines = [{**monologue(3, i, ""), "sentence": text} for i, text in enumerate(_SENTENCES)]
    twice = {**monologue(3, 90, ""), "sentence": "older", "workspace_id": "a", "_fivetran_synced": NOON}
    lines += [twice, {**twice, "sentence": "newest", "workspace_id": "b", "_fivetran_synced": EVENING}]
    lines += [{**monologue(3, 91, "of a speaker who is gone"), "speaker_id": "3gone"}]
    warehouse.insert("gong.transcript", lines)


def _users() -> list[dict[str, Any]]:
    return [
        {"id": 30, "email_address": "Ann.Lee@Prefect.IO", "first_name": "Ann", "last_name": None},
        {"id": 31, "email_address": None, "first_name": " ", "last_name": ""},
        {"id": 32, "email_address": "left@prefect.io", "first_name": "Left", "last_name": "Us", **GONE},
        {"id": 33, "email_address": "x@notprefect.io", "first_name": "Not", "last_name": "Ours"},
        {"id": 34, "email_address": "sub@mail.prefect.io", "first_name": "Sub", "last_name": "Domain"},
    ]


def _speakers() -> list[dict[str, Any]]:
    named = {"a": 30, "b": 31, "c": 32, "d": 33, "e": 34, "f": 99}
    plain = [speaker(3, name, user, talk_time=10.5) for name, user in named.items()]
    outsiders = [speaker(3, name, talk_time=0.25) for name in ("two", "words", "number", "nobody", "inside")]
    twice = [
        {**speaker(1, "twice", talk_time=1.0), "_fivetran_synced": NOON},
        {**speaker(1, "twice", talk_time=7.0), "_fivetran_synced": EVENING},
    ]
    late = {**speaker(1, "late", talk_time=1.0), "_fivetran_synced": NIGHT}
    return [*plain, *outsiders, *twice, late, {**speaker(3, "gone", 30), **GONE}]


def _participants() -> list[dict[str, Any]]:
    def participant(key: str, of: str, **values: Any) -> dict[str, Any]:
        return {"id": key, "call_id": "3", "speaker_id": f"3{of}", **values}

    return [
        participant("p1", "two", email_address="old@x.test", name="Old", _fivetran_synced=NOON),
        participant("p2", "two", email_address="new@x.test", name="New", _fivetran_synced=EVENING),
        participant("p3", "words", email_address="mary-ann_o.connor@x.test", affiliation="External"),
        participant("p4", "number", email_address="", name="", affiliation="Unknown"),
        participant("p5", "inside", email_address="inside@x.test", name="In Side", affiliation="Internal"),
        participant("p6", "nobody", email_address="gone@x.test", name="Gone", **GONE),
        participant("p7", "b", email_address="fallback@x.test", name="Fall Back"),
        {**participant("p8", "a", email_address="other@call.test", name="Other Call"), "call_id": "4"},
    ]


def fill_deals(warehouse: Warehouse) -> None:
    """Opportunities, emails and links: values at the edge of their types, parents that are gone or come twice."""
    warehouse.insert(
        "salesforce.account", [{"id": "001", "name": "Acme"}, {"id": "002", "name": "X", "is_deleted": True}]
    )
    warehouse.insert("salesforce.user", [{"id": "005", "email": "owner@prefect.io"}, {"id": "006", "email": ""}])
    amounts = ("9999999999999.99", "9999999999999.995", "-5", " 12.5 ", "1e3", "1,000", "NaN", "", "0")
    dates = ("2024-02-29", "2025-02-29", "2025-03-04T10:00:00Z", "03/04/2025", "", "0001-01-01", "9999-12-31", None)
    warehouse.insert("salesforce.opportunity", [opportunity(f"amount{i}", amount=a) for i, a in enumerate(amounts)])
    warehouse.insert("salesforce.opportunity", [opportunity(f"date{i}", close_date=d) for i, d in enumerate(dates)])
    warehouse.insert("salesforce.opportunity", [opportunity("006A", account_id="002", owner_id="006", name=" spaced ")])
    warehouse.insert("salesforce.opportunity", [opportunity("006B"), opportunity("006G", is_deleted=True)])
    warehouse.insert("salesforce.opportunity", [opportunity("blank", name="  ")])
    warehouse.insert("salesforce.account", [{"id": "003", "name": "Late", "_fivetran_synced": NIGHT}])
    stages = (("newest", EVENING), ("older", NOON))
    twice = [opportunity("twice", account_id="003", stage_name=name, _fivetran_synced=at) for name, at in stages]
    warehouse.insert("salesforce.opportunity", twice)
    scores = {"006A": 100.0, "006B": 100.5, "date0": 0.0, "date1": 12.345}
    warehouse.insert("gong.opportunity", [{"id": key, "health_score": score} for key, score in scores.items()])
    warehouse.insert("gong.email", list(_emails()))
    warehouse.insert("gong.email_sender", [address(key, "from") for key in ("e1", "e2", "e3", "e5")])
    senders = [
        {**address("e4", "old"), "_fivetran_synced": NOON},
        {**address("e4", "new"), "_fivetran_synced": EVENING},
    ]
    warehouse.insert("gong.email_sender", senders)
    warehouse.insert("gong.email_recipient", [address("e1", n) for n in ("z", "a", "z")] + [{"email_id": "e2"}])
    warehouse.insert(
        "gong.email_recipient", [{"email_id": "e5", "email_address": x} for x in ("no at", "two@@x.y", "a@b")]
    )
    warehouse.insert("gong.email_recipient", [{**address("e6", "late"), "_fivetran_synced": NIGHT}])
    fields = {"name": "Amount", "object_type": "Opportunity"}
    pairs = ((3, "006A"), (3, "006A"), (3, "006G"), (2, "006A"), (4, "006B"))
    warehouse.insert("gong.call_context_integration", [{**fields, "call_id": c, "object_id": o} for c, o in pairs])
    again = {"id": "g", "gong_call_id_c": "3", "gong_primary_opportunity_c": "006A"}
    warehouse.insert("salesforce.gong_gong_call_c", [again])


def _emails() -> list[dict[str, Any]]:
    return [
        email("e1", body="é" * 499 + "😀tail", opportunity_id="006A", sent_at="2025-01-05 10:00:00.123456+02:00"),
        email("e2", body="x" * 500, opportunity_id="006G"),
        email("e3", body="", sent_at="not a date", headers='{"To": ["a", "b"], "X": null}'),
        email("e4", body=None, subject=None, sent_at="2025-01-05"),
        email("e5", sent_at=""),
        email("e6", subject="older", _fivetran_synced=NOON),
        email("e6", subject="newest", _fivetran_synced=EVENING),
    ]


def fill_older_load(warehouse: Warehouse) -> None:
    """An older load: Salesforce's own spelling, ids as numbers where others have texts, no optional table."""
    spelled = {"StageName": "stage_name", "CloseDate": "close_date", "AccountId": "account_id", "OwnerId": "owner_id"}
    schema = dict(SOURCE_SCHEMAS["salesforce.opportunity"])
    cased = {name: schema.pop(column) for name, column in spelled.items()} | schema
    for table in ("gong.users", "salesforce.account", "salesforce.user"):
        warehouse.create(table)
    warehouse.create("salesforce.opportunity", {**cased, "amount": "FLOAT64", "CloseDate": "TIMESTAMP"})
    warehouse.create("gong.call", {**SOURCE_SCHEMAS["gong.call"], "id": "STRING", "scheduled": "STRING"})
    warehouse.create("gong.call_speaker", {**SOURCE_SCHEMAS["gong.call_speaker"], "user_id": "STRING", "id": "INT64"})
    warehouse.create("gong.transcript", {**SOURCE_SCHEMAS["gong.transcript"], "call_id": "INT64", "index": "STRING"})
    warehouse.insert("gong.call", [{**call(1), "id": "1", "scheduled": "2025-01-02T03:04:05Z"}])
    warehouse.insert("gong.users", [{"id": 30, "email_address": "ann@prefect.io", "first_name": "Ann"}])
    warehouse.insert("gong.call_speaker", [{"id": 7, "call_id": 1, "user_id": "30", "talk_time": 1.5}])
    line = {"call_id": 1, "speaker_id": "7", "sentence": "plain"}
    warehouse.insert("gong.transcript", [{**line, "index": "0"}, {**line, "index": "10"}])
    warehouse.insert("salesforce.account", [{"id": "001", "name": "Acme"}])
    deal = {"id": "006A", "name": "Deal", "StageName": "Won", "CloseDate": NOON, "AccountId": "001", "amount": 1234.565}
    warehouse.insert("salesforce.opportunity", [deal])


def fill_without_salesforce(warehouse: Warehouse) -> None:
    """Gong alone: its opportunities stand in for Salesforce's."""
    gong = [table for table in SOURCE_SCHEMAS if table.startswith("gong.")]
    for table in gong:
        warehouse.create(table)
    warehouse.insert("gong.call", [call(1)])
    deal = {"close_date": NOON.date(), "amount": 10.5, "stage_name": "Won"}
    warehouse.insert("gong.opportunity", [{"id": "006A", "name": "Deal", "health_score": 55.5, **deal}, {"id": "006B"}])
    warehouse.insert("gong.email", [email("e1", opportunity_id="006A")])
    link = {"name": "Amount", "object_type": "Opportunity", "object_id": "006A", "call_id": 1}
    warehouse.insert("gong.call_context_integration", [link])

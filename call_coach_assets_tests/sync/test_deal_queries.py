"""What the queries of opportunities, emails and links answer for a handful of rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from call_coach_assets_tests.sync.reader import AT, EVER, NEVER, Reader, part
from call_coach_assets_tests.warehouse import Warehouse


@pytest.fixture
def reader(warehouse: Warehouse) -> Iterator[Reader]:
    warehouse.create_all()
    opened = Reader(warehouse)
    yield opened
    opened.client.close()


@pytest.mark.covers("O1", "O3", "O4", "O5", "O10", "O11", "O12")
def test_an_opportunity_carries_its_account_owner_history_and_what_is_wrong_with_it(
    warehouse: Warehouse, reader: Reader
) -> None:
    good = {"name": "Good", "stage_name": "Won", "close_date": "2025-04-01", "amount": "1200.505", "account_id": "a"}
    bad = {"name": "Bad", "close_date": "2025-02-30", "amount": "1,000", "account_id": "x", "owner_id": "y"}
    warehouse.insert(
        "salesforce.opportunity",
        [
            {"id": "1", "owner_id": "u", "probability": 40.0, "type": "New", **good},
            {"id": "2", **bad},
            {"id": "3", "name": "Large", "amount": "9999999999999.995", "close_date": "2025-03-04T10:00:00Z"},
            {"id": "4", "name": " "},
            {"id": "", "name": "No id"},
            {"id": "5", "is_deleted": True},
        ],
    )
    account = {"name": "Acme", "industry": "Tools", "website": "acme.test", "number_of_employees": 7}
    warehouse.insert("salesforce.account", [{"id": "a", **account}, {"id": "x", "name": "Gone", "is_deleted": True}])
    warehouse.insert("salesforce.user", [{"id": "u", "email": "u@prefect.io", "name": "U"}])
    warehouse.insert("gong.opportunity", [{"id": "1", "health_score": 71.256}, {"id": "2", "health_score": 120.0}])
    stages = [("h2", "B", "C", AT), ("h1", "A", "B", AT), ("h3", "C", "D", EVER)]
    changes = [{"id": i, "old_value": a, "new_value": b, "created_date": at} for i, a, b, at in stages]
    warehouse.insert(
        "salesforce.opportunity_field_history", [{"opportunity_id": "1", "field": "StageName", **c} for c in changes]
    )
    warehouse.insert("salesforce.opportunity_field_history", [{"id": "h4", "opportunity_id": "1", "field": "Amount"}])
    rows = reader.read("opportunities")
    wanted = {
        "name": "Good",
        "stage": "Won",
        "close_date": date(2025, 4, 1),
        "amount": "1200.51",
        "account_name": "Acme",
    }
    wanted |= {"owner_email": "u@prefect.io", "health_score": "71.26", "_rejected": None, "_warnings": []}
    assert part(rows["1",], **wanted) == wanted
    metadata = rows["1",]["metadata"]
    assert {**metadata["account"], **account} == metadata["account"]
    assert (metadata["owner"]["email"], metadata["probability"], metadata["type"]) == ("u@prefect.io", 40, "New")
    assert [(stage["from"], stage["to"]) for stage in metadata["stage_history"]] == [("C", "D"), ("A", "B"), ("B", "C")]
    unusable = ("close_date", "amount", "account_name", "owner_email", "health_score")
    assert {rows["2",][column] for column in unusable} == {None}
    assert rows["2",]["_warnings"] == rows["2",]["metadata"]["warnings"]
    assert [warning.split(":")[1].strip() for warning in rows["2",]["_warnings"]] == [
        "2025-02-30",
        "1,000",
        "120.0",
        "x",
        "y",
    ]
    assert (rows["3",]["amount"], rows["3",]["close_date"]) == (None, date(2025, 3, 4))
    assert rows["4",]["_rejected"] == "the opportunity has no name"
    assert rows[None,]["_rejected"] == "the opportunity has no id"
    assert (rows["5",]["_deleted"], rows["5",]["_rejected"]) == (True, None)

    since = warehouse.advance()
    warehouse.update("salesforce.account", {"id": "a"}, name="Acme Inc")
    assert {key: row["account_name"] for key, row in reader.read("opportunities", since).items()} == {
        ("1",): "Acme Inc"
    }
    warehouse.drop("salesforce.opportunity")
    assert {key: row["health_score"] for key, row in reader.read("opportunities").items()} == {
        ("1",): "71.26",
        ("2",): None,
    }


@pytest.mark.covers("E1", "E3", "E4", "E5", "E6", "E7", "E10", "E11", "E12")
def test_an_email_carries_its_addresses_and_changes_when_one_is_late_or_gone(
    warehouse: Warehouse, reader: Reader
) -> None:
    body = "é" * 499 + "😀 and more"
    warehouse.insert(
        "gong.email",
        [
            {"id": "1", "subject": "Hello", "sent_at": "2025-03-01T10:00:00Z", "body": body, "headers": "X: 1"},
            {"id": "2", "sent_at": "yesterday", "opportunity_id": "o"},
            {"id": "3"},
            {"id": None, "sent_at": "2025-03-01"},
        ],
    )
    warehouse.insert("gong.email_sender", [{"email_id": "1", "email_address": "not an address"}])
    to = [("b@x.io", False), ("a@x.io", False), ("a@x.io", False), ("left@x.io", True), (None, False), ("odd@", False)]
    warehouse.insert(
        "gong.email_recipient", [{"email_id": "1", "email_address": a, "_fivetran_deleted": gone} for a, gone in to]
    )
    rows = reader.read("emails")
    wanted = {
        "subject": "Hello",
        "sender_email": "not an address",
        "recipients": ["a@x.io", "b@x.io", "odd@"],
        "sent_at": AT,
    }
    wanted |= {"body_snippet": "é" * 499 + "😀", "gong_opportunity_id": None, "_rejected": None}
    assert part(rows["1",], **wanted) == wanted
    metadata = rows["1",]["metadata"]
    assert (metadata["body"], metadata["headers"]) == (body, "X: 1")
    assert metadata["warnings"] == rows["1",]["_warnings"]
    assert [warning.split(": ")[1] for warning in metadata["warnings"]] == ["not an address", "odd@"]
    assert (rows["2",]["sent_at"], rows["2",]["recipients"], rows["2",]["gong_opportunity_id"]) == (None, [], "o")
    assert rows["2",]["_warnings"] == ["no sender is recorded", "sent_at is no timestamp: yesterday"]
    assert rows["3",]["_rejected"] == "the email has no sent_at"
    assert rows[None,]["_rejected"] == "the email has no id"

    since = warehouse.advance()
    warehouse.insert("gong.email_recipient", [{"email_id": "2", "email_address": "late@x.io"}])
    warehouse.update("gong.email_recipient", {"email_address": "b@x.io"}, _fivetran_deleted=True)
    again = reader.read("emails", since)
    assert {key: row["recipients"] for key, row in again.items()} == {("1",): ["a@x.io", "odd@"], ("2",): ["late@x.io"]}
    assert again["1",]["_changed_at"] == warehouse.now


@pytest.mark.covers("O6")
def test_a_call_is_linked_once_to_every_opportunity_that_any_source_names(warehouse: Warehouse, reader: Reader) -> None:
    many = '{"opportunity_id": "o3", "opportunity_ids": ["o1", "o4", "", null]}'
    warehouse.insert("gong.call", [{"id": 1, "metadata": many}, {"id": 2, "metadata": "[1"}, {"id": 3}])
    warehouse.insert("gong.call", [{"id": 4, "metadata": '{"opportunity_id": "o1"}', "_fivetran_deleted": True}])
    fields = [("Amount", "o1", "Opportunity"), ("Stage", "o1", "Opportunity"), ("Name", "c", "Account")]
    warehouse.insert(
        "gong.call_context_integration",
        [{"name": n, "object_id": o, "object_type": t, "call_id": 1} for n, o, t in fields],
    )
    of_salesforce = [("g1", "1", "o2", False), ("g2", "2", "o5", True), ("g3", "9", "o1", False)]
    warehouse.insert(
        "salesforce.gong_gong_call_c",
        [
            {"id": i, "gong_call_id_c": c, "gong_primary_opportunity_c": o, "is_deleted": gone}
            for i, c, o, gone in of_salesforce
        ],
    )
    linked = {("1", "o1"), ("1", "o2"), ("1", "o3"), ("1", "o4")}
    assert set(reader.read("call_opportunities")) == linked | {("2", None), ("3", None), ("4", None)}
    since = warehouse.advance()
    warehouse.update("salesforce.gong_gong_call_c", {"id": "g1"}, is_deleted=True)
    again = reader.read("call_opportunities", since)
    assert set(again) == linked - {("1", "o2")}
    assert {row["_changed_at"] for row in again.values()} == {warehouse.now}
    warehouse.drop("gong.call_context_integration")
    assert set(reader.read("call_opportunities", NEVER, "gong_call_id", ["1"])) == linked - {("1", "o2")}

"""One small warehouse, in which each of the twenty cases acts on rows of its own: what is there first, what changes.

The numbers of calls follow the cases: case 12 acts on call 112. Calls 201 to 230 carry the 1,500 links of case 19.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from call_coach_assets_tests.warehouse import Warehouse

NINE = datetime(2025, 1, 2, 9, tzinfo=UTC)
LINKED_CALLS = range(201, 231)
LINKED_OPPORTUNITIES = [f"006L{n:02}" for n in range(50)]
INSERTS_OF_THE_APPLICATION = """
WITH call AS (INSERT INTO calls (gong_call_id, title) VALUES ('manual', 'By hand') RETURNING id),
speaker AS (INSERT INTO speakers (call_id, name) SELECT id, 'Ann' FROM call RETURNING id, call_id),
line AS (INSERT INTO transcripts (call_id, sequence_number, text) SELECT call_id, 0, 'hi' FROM speaker),
deal AS (INSERT INTO opportunities (gong_opportunity_id, name) VALUES ('manual', 'Deal') RETURNING id),
mail AS (INSERT INTO emails (gong_email_id, opportunity_id) SELECT 'manual', id FROM deal)
INSERT INTO call_opportunities (call_id, opportunity_id) SELECT call.id, deal.id FROM call, deal
"""
CASE_CALLS = (102, 104, 105, 110, 111, 112, 113, 115, 116, 117)


def call(number: int, **values: Any) -> dict[str, Any]:
    """A row of gong.call."""
    return {
        "id": number,
        "workspace_id": "w1",
        "title": f"Call {number}",
        "scheduled": NINE + timedelta(hours=number),
        "started": (NINE + timedelta(hours=number, minutes=2)).isoformat(),
        "duration": 600,
        "purpose": "Discovery",
        "url": f"https://app.gong.io/call?id={number}",
        "scope": "External",
        **values,
    }


def speaker(number: int, name: str, user: int | None = None, talk_time: float = 30.0) -> dict[str, Any]:
    """A row of gong.call_speaker."""
    return {"id": f"{number}{name}", "call_id": number, "user_id": user, "talk_time": talk_time}


def monologue(number: int, index: int, text: str) -> dict[str, Any]:
    """A row of gong.transcript, spoken by speaker `<number>a`."""
    sentence = f'[{{"start": {index * 1000}, "end": {index * 1000 + 900}, "text": "{text}"}}]'
    return {"call_id": str(number), "index": index, "speaker_id": f"{number}a", "topic": "Intro", "sentence": sentence}


def opportunity(key: str, **values: Any) -> dict[str, Any]:
    """A row of salesforce.opportunity."""
    fixed = {"stage_name": "Discovery", "close_date": "2025-09-30", "amount": "1200.50", "owner_id": "005"}
    return {"id": key, "name": f"Deal {key}", "account_id": "001", **fixed, **values}


def email(key: str, **values: Any) -> dict[str, Any]:
    """A row of gong.email."""
    return {"id": key, "subject": f"About {key}", "sent_at": "2025-01-05T10:00:00Z", "body": "Hello", **values}


def address(key: str, name: str) -> dict[str, Any]:
    """A row of gong.email_sender or gong.email_recipient."""
    return {"email_id": key, "email_address": f"{name}@acme.test"}


def fill(warehouse: Warehouse) -> None:
    """The warehouse before anything changes."""
    warehouse.create_all()
    for table, rows in _first_rows().items():
        warehouse.insert(table, rows)


def _first_rows() -> dict[str, list[dict[str, Any]]]:
    return {
        "gong.users": [
            {"id": 901, "email_address": "ann@prefect.io", "first_name": "Ann", "last_name": "Lee"},
            {"id": 910, "email_address": "bo@prefect.io", "first_name": "Bo", "last_name": "Ray"},
        ],
        "gong.call": [call(number) for number in (*CASE_CALLS, *LINKED_CALLS)],
        "gong.call_speaker": list(_speakers()),
        "gong.transcript": [monologue(n, i, f"words {n} {i}") for n in (104, 105, 111, 115, 117) for i in range(2)],
        "salesforce.account": [{"id": "001", "name": "Acme"}, {"id": "009", "name": "Nine"}],
        "salesforce.user": [{"id": "005", "email": "owner@prefect.io", "name": "Olga", "is_active": True}],
        "salesforce.opportunity": [
            *(opportunity(key) for key in (*LINKED_OPPORTUNITIES, "0006", "0013", "0113")),
            opportunity("0009", account_id="009"),
        ],
        "gong.email": [*(email(key) for key in ("m3", "m7", "m8")), email("m6", opportunity_id="0006")],
        "gong.email_sender": [address(key, "sender") for key in ("m3", "m6", "m7", "m8")],
        "gong.email_recipient": [address(key, name) for key in ("m3", "m8") for name in ("x", "y")],
        "gong.call_context_integration": list(_context_links()),
        "salesforce.gong_gong_call_c": [
            {"id": "g113", "gong_call_id_c": "113", "gong_primary_opportunity_c": "0113"},
            *(_custom_link(n, key) for n in LINKED_CALLS for key in LINKED_OPPORTUNITIES[25:40]),
        ],
    }


def _speakers() -> Iterator[dict[str, Any]]:
    for number in (104, 105, 111, 112, 115, 117):
        yield speaker(number, "a", 901)
        yield speaker(number, "b", talk_time=90.0)
    yield speaker(110, "a", 910)


def _context_links() -> Iterator[dict[str, Any]]:
    """Each pair twice, as one row per CRM field: it must arrive once. Calls 201 to 230 get the rest from elsewhere."""
    for field in ("Amount", "StageName"):
        yield {"name": field, "object_id": "0013", "call_id": 113, "object_type": "Opportunity"}
        yield {"name": field, "object_id": "0006", "call_id": 116, "object_type": "Opportunity"}
    for number in LINKED_CALLS:
        for key in (*LINKED_OPPORTUNITIES[:25], *LINKED_OPPORTUNITIES[40:]):
            yield {"name": "Amount", "object_id": key, "call_id": number, "object_type": "Opportunity"}


def _custom_link(number: int, key: str) -> dict[str, Any]:
    return {"id": f"g{number}{key}", "gong_call_id_c": str(number), "gong_primary_opportunity_c": key}


def change(warehouse: Warehouse) -> None:
    """Every change of the twenty cases, each of them as Fivetran would show it."""
    equal_stamp = max(row["_fivetran_synced"] for row in warehouse.rows("gong.call"))
    deleted = {"_fivetran_deleted": True}
    warehouse.insert("gong.call", [call(114, _fivetran_synced=equal_stamp)])
    warehouse.update("gong.call", {"id": 102}, title="Call 102, renamed")
    warehouse.update("gong.email", {"id": "m3"}, subject="Changed")
    warehouse.update("gong.transcript", {"call_id": "104", "index": 0}, **deleted)
    warehouse.update("gong.call", {"id": 105}, **deleted)
    warehouse.update("gong.call", {"id": 117}, **deleted)
    warehouse.update("salesforce.opportunity", {"id": "0006"}, is_deleted=True)
    warehouse.insert("gong.email_recipient", [address("m7", "late")])
    warehouse.update("gong.email_recipient", {"email_id": "m8", "email_address": "x@acme.test"}, **deleted)
    warehouse.update("salesforce.account", {"id": "009"}, name="Nine, renamed")
    warehouse.update("gong.users", {"id": 910}, email_address="robert@prefect.io")
    warehouse.update("gong.transcript", {"call_id": "111", "index": 1}, sentence="said otherwise")
    warehouse.update("gong.call_speaker", {"id": "112a"}, talk_time=270.0)
    warehouse.update("gong.call_context_integration", {"call_id": 113, "object_id": "0013"}, **deleted)
    warehouse.update("salesforce.gong_gong_call_c", {"id": "g113"}, gong_primary_opportunity_c="006L00")
    warehouse.update("gong.call", {"id": 115}, title="Call 115")
    warehouse.update("gong.call_speaker", {"call_id": 115}, talk_time=30.0)


def hang_on(connection: psycopg.Connection[Any], gong_call_id: str) -> None:
    """What the application hangs on a call: a coaching session and a role, with their history."""
    connection.execute(
        """
        WITH rep AS (
            UPDATE speakers s SET role = 'ae' FROM calls c
            WHERE c.id = s.call_id AND c.gong_call_id = %s AND s.company_side RETURNING s.id, s.call_id
        ), history AS (
            INSERT INTO speaker_role_history (speaker_id, new_role, changed_by) SELECT id, 'ae', 'lead' FROM rep
        )
        INSERT INTO coaching_sessions (call_id, rep_id, coaching_dimension, session_type, analyst, score)
        SELECT call_id, id, 'discovery', 'review', 'ann', 80 FROM rep
        """,
        [gong_call_id],
    )
    connection.execute(
        "UPDATE calls SET product = 'cloud', overall_score = 71 WHERE gong_call_id = %s",
        [gong_call_id],
    )
    connection.execute(
        "UPDATE transcripts SET sentiment = 'warm' WHERE call_id = (SELECT id FROM calls WHERE gong_call_id = %s)",
        [gong_call_id],
    )

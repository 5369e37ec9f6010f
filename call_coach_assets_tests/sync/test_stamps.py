"""A row without a stamp is read by every run, with whatever is built from it, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from call_coach_assets_tests.sync.reader import NEVER, Reader
from call_coach_assets_tests.warehouse import Warehouse

_STAMPED: dict[str, list[dict[str, Any]]] = {
    "gong.call": [{"id": number} for number in range(2, 10)],
    "gong.call_speaker": [
        {"id": f"s{number}", "call_id": number, "user_id": 904 if number == 4 else None} for number in (1, 3, 4, 5, 9)
    ],
    "gong.call_participant": [{"id": "p5", "call_id": "5", "speaker_id": "s5", "user_id": "905"}],
    "gong.transcript": [{"call_id": "9", "index": 0, "sentence": "read before"}],
    "salesforce.opportunity": [
        {"id": f"o{number}", "name": "O", "account_id": f"a{number}", "owner_id": f"u{number}"}
        for number in range(2, 10)
    ],
    "gong.email": [{"id": f"e{number}", "sent_at": "2025-01-01"} for number in (2, 3, 9)],
}
_STAMPLESS: dict[str, list[dict[str, Any]]] = {
    "gong.call": [{"id": 1}],
    "gong.call_speaker": [{"id": "s2", "call_id": 2}],
    "gong.call_participant": [{"id": "p3", "call_id": "3", "speaker_id": "s3"}],
    "gong.users": [{"id": 904, "first_name": "Ann"}, {"id": 905, "first_name": "Bo"}],
    "gong.transcript": [{"call_id": "1", "index": 0, "sentence": "read each time"}],
    "gong.call_context_integration": [{"name": "n", "object_id": "o2", "object_type": "Opportunity", "call_id": 6}],
    "salesforce.gong_gong_call_c": [{"id": "g", "gong_call_id_c": "7", "gong_primary_opportunity_c": "o3"}],
    "salesforce.opportunity": [{"id": "o1", "name": "O"}],
    "salesforce.account": [{"id": "a2", "name": "Acme"}],
    "salesforce.user": [{"id": "u3", "email": "o@x.test"}],
    "gong.opportunity": [{"id": "o4", "health_score": 5.0}],
    "salesforce.opportunity_field_history": [{"id": "h", "opportunity_id": "o5", "field": "StageName"}],
    "gong.email": [{"id": "e1", "sent_at": "2025-01-01"}],
    "gong.email_sender": [{"email_id": "e2", "email_address": "a@x.test"}],
    "gong.email_recipient": [{"email_id": "e3", "email_address": "b@x.test"}],
}
_READ: dict[str, set[tuple[Any, ...]]] = {
    "calls": {("1",), ("2",), ("3",), ("4",), ("5",)},
    "speakers": {("2", "s2"), ("3", "s3"), ("4", "s4"), ("5", "s5")},
    "transcripts": {("1", 0)},
    "opportunities": {("o1",), ("o2",), ("o3",), ("o4",), ("o5",)},
    "emails": {("e1",), ("e2",), ("e3",)},
    "call_opportunities": {("1", None), ("6", "o2"), ("7", "o3")},
}


@pytest.fixture
def reader(warehouse: Warehouse) -> Iterator[Reader]:
    warehouse.create_all()
    for table, rows in _STAMPED.items():
        warehouse.insert(table, rows)
    for table, rows in _STAMPLESS.items():
        warehouse.insert(table, [{**row, "_fivetran_synced": None} for row in rows])
    opened = Reader(warehouse)
    yield opened
    opened.client.close()


@pytest.mark.covers("P5", "P13")
def test_what_is_built_from_a_row_without_a_stamp_is_read_by_every_run(reader: Reader) -> None:
    assert {entity: set(reader.read(entity, NEVER)) for entity in _READ} == _READ

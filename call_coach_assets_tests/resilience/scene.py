"""A warehouse of a few rows in which every kind of change happens: what a crash or a fault must not lose or double."""

from __future__ import annotations

from call_coach_assets_tests.sync.story import address, call, email, monologue, opportunity, speaker
from call_coach_assets_tests.warehouse import Warehouse


def fill(warehouse: Warehouse) -> None:
    """What is there before the changes."""
    warehouse.create_all()
    warehouse.insert(
        "gong.users", [{"id": 901, "email_address": "ann@prefect.io", "first_name": "Ann", "last_name": "Lee"}]
    )
    warehouse.insert("gong.call", [call(number) for number in (1, 2, 3)])
    warehouse.insert("gong.call_speaker", [speaker(n, name, 901) for n in (1, 2, 3) for name in "ab"])
    warehouse.insert("gong.transcript", [monologue(n, i, f"words {n} {i}") for n in (1, 2, 3) for i in range(3)])
    warehouse.insert("salesforce.user", [{"id": "005", "email": "owner@prefect.io", "name": "Olga"}])
    warehouse.insert("salesforce.account", [{"id": "001", "name": "Acme"}])
    warehouse.insert("salesforce.opportunity", [opportunity(key) for key in ("006A", "006B", "006C")])
    warehouse.insert("gong.email", [email(key, opportunity_id="006A") for key in ("m1", "m2")])
    warehouse.insert("gong.email_sender", [address(key, "sender") for key in ("m1", "m2")])
    warehouse.insert("gong.email_recipient", [address("m1", "x")])
    warehouse.insert("gong.call_context_integration", [_link(1, "006A"), _link(2, "006B")])


def change(warehouse: Warehouse) -> None:
    """Inserts, updates, deletes, late children, a row that waits and one that can never be synced."""
    warehouse.update("gong.call", {"id": 1}, title="Renamed")
    warehouse.update("gong.call", {"id": 3}, _fivetran_deleted=True)
    warehouse.insert("gong.call", [call(4)])
    warehouse.insert("gong.call_speaker", [speaker(4, "a", 901), speaker(9, "waits")])
    warehouse.insert("gong.transcript", [monologue(4, 0, "new"), monologue(1, 3, "late")])
    warehouse.update("gong.transcript", {"call_id": "2", "index": 0}, _fivetran_deleted=True)
    warehouse.update("gong.users", {"id": 901}, last_name="Low")
    warehouse.update("salesforce.opportunity", {"id": "006C"}, is_deleted=True)
    warehouse.update("salesforce.account", {"id": "001"}, name="Acme, renamed")
    warehouse.insert("salesforce.opportunity", [opportunity("006D"), opportunity("006E", name=None)])
    warehouse.insert("gong.email", [email("m3", opportunity_id="006D"), email("m4", sent_at=None)])
    warehouse.insert("gong.email_recipient", [address("m2", "late")])
    warehouse.update("gong.call_context_integration", {"call_id": 2}, _fivetran_deleted=True)
    warehouse.insert("gong.call_context_integration", [_link(2, "006D"), _link(4, "006A")])


def _link(number: int, key: str) -> dict[str, object]:
    return {"name": "Amount", "object_id": key, "call_id": number, "object_type": "Opportunity"}

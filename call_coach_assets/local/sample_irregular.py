"""What real warehouses hold besides good rows: every irregularity that the mapping names, under ids that tell it.

Calls here have ids from 9000000000000000001 on; speakers, emails and opportunities are named after what is wrong.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from call_coach_assets.local.sample_draft import LANDING, Draft, Row

_CALLS = 9_000_000_000_000_000_000
_SPEAKER_KINDS: dict[str, dict[str, Any]] = {
    "speaker-unknown": {"user_id": None, "talk_time": 12.5},
    "speaker-of-unknown-user": {"user_id": 4_040_404_040_404_040_404, "talk_time": 60.4},
    "speaker-without-talk-time": {"user_id": None, "talk_time": None},
    "speaker-silent": {"user_id": None, "talk_time": 0.0},
}
_SENTENCES: dict[str, str | None] = {
    "plain": "This one is plain text, without times.",
    "empty-list": "[]",
    "broken": '[{"start": 0, "end": 900, "text": "cut in the mid',
    "without-times": '[{"text": "Only words."}]',
    "null-text": '[{"start": 10, "end": 20, "text": null}, {"start": 30, "end": 40, "text": "After a pause."}]',
    "missing": None,
}
_EMAILS: dict[str, dict[str, Any]] = {
    "email-unparseable-date": {"sent_at": "last Tuesday"},
    "email-without-sent-at": {"sent_at": None},
    "email-of-unknown-opportunity": {"opportunity_id": "0069999999NOWHERE"},
    "email-without-anything": {"subject": None, "body": None, "headers": None, "thread_id": None},
    "email-long": {"body": "An endless thread. " * 200},
    "email-broken-headers": {"headers": "Message-ID: <not-json>"},
}
_OPPORTUNITIES: dict[str, dict[str, Any]] = {
    "opp-of-unknown-account": {"account_id": "0019999999NOWHERE"},
    "opp-without-account": {"account_id": None},
    "opp-of-unknown-owner": {"owner_id": "0059999999NOWHERE"},
    "opp-invalid-amount": {"amount": "about 10k"},
    "opp-amount-out-of-range": {"amount": "98765432109876543.21"},
    "opp-invalid-close-date": {"close_date": "31/31/2025"},
    "opp-without-name": {"name": None},
    "opp-empty": {"amount": None, "close_date": None, "stage_name": None, "probability": None, "type": None},
}


def add_irregularities(draft: Draft) -> None:
    """Add them all; they are the same whatever the size of the sample."""
    for add in (_calls, _speakers, _transcripts, _links, _opportunities, _emails, _mail_addresses):
        add(draft)


def _call(draft: Draft, number: int, **values: Any) -> Row:
    at = draft.newest - LANDING - timedelta(days=1, minutes=number)
    row = {"id": _CALLS + number, "title": f"Irregular call {number}", "scheduled": at, "duration": 600, **values}
    return draft.add("gong.call", at, workspace_id="3301", **row)


def _calls(draft: Draft) -> None:
    _call(draft, 1, title="Plain")
    _call(draft, 2, title="Only started", scheduled=None, started="2025-03-01T10:00:00+02:00")
    _call(draft, 3, title="No time at all", scheduled=None)
    _call(draft, 4, title="Unreadable start", scheduled=None, started="soon")
    _call(draft, 5, title="Deleted")["_fivetran_deleted"] = True
    _call(draft, 6, title="Broken metadata", metadata='{"opportunity_id": ')
    _call(draft, 7, title="Other metadata", metadata='{"opportunity_ids": [], "mood": "good"}')
    _call(draft, 8, title="Without a stamp")["_fivetran_synced"] = None
    _call(draft, 9, title=None, duration=None)
    twice = _call(draft, 10, title="In two workspaces")
    draft.rows["gong.call"].append({**twice, "workspace_id": "3302"})
    _call(draft, 11, title="Without an id", id=None)


def _speakers(draft: Draft) -> None:
    for name, values in _SPEAKER_KINDS.items():
        draft.add("gong.call_speaker", id=name, call_id=_CALLS + 1, **values)
    twice = draft.add("gong.call_speaker", id="speaker-twice", call_id=_CALLS + 1, talk_time=30.0)
    draft.rows["gong.call_speaker"].append(dict(twice))
    draft.add("gong.call_speaker", id="speaker-deleted", call_id=_CALLS + 1, talk_time=5.0, deleted=True)
    draft.add("gong.call_speaker", id="speaker-of-missing-call", call_id=_CALLS + 999, talk_time=5.0)
    draft.add("gong.call_speaker", id="speaker-of-deleted-call", call_id=_CALLS + 5, talk_time=5.0)
    draft.add("gong.call_speaker", id=None, call_id=_CALLS + 1, talk_time=5.0)
    draft.add("gong.call_speaker", id="speaker-named-by-address", call_id=_CALLS + 1, talk_time=61.5)
    draft.add(
        "gong.call_participant", id="participant-1", call_id=str(_CALLS + 1), speaker_id="speaker-named-by-address",
        email_address="Jane.Doe@PREFECT.io", affiliation="Unknown",
    )  # fmt: skip
    draft.add(
        "gong.call_participant", id="participant-of-nobody", call_id=str(_CALLS + 1), email_address="guest@x.example",
        name="Guest", affiliation="External",
    )  # fmt: skip


def _transcripts(draft: Draft) -> None:
    place: dict[str, Any] = {"call_id": str(_CALLS + 1), "sentence": "Who said that?"}
    for index, sentence in enumerate(_SENTENCES.values()):
        draft.add("gong.transcript", **{**place, "sentence": sentence}, index=index, speaker_id="speaker-silent")
    draft.add("gong.transcript", **place, index=100, speaker_id="speaker-nobody-knows")
    draft.add("gong.transcript", **place, index=101)
    draft.add("gong.transcript", **place, index=102, deleted=True)
    draft.add("gong.transcript", **place, index=None)
    twice = draft.add("gong.transcript", **place, index=103)
    draft.rows["gong.transcript"].append({**twice, "workspace_id": "3302"})
    draft.add("gong.transcript", call_id=str(_CALLS + 999), index=0, sentence="Of a call that never came.")


def _links(draft: Draft) -> None:
    link: dict[str, Any] = {"name": "StageName", "object_type": "Opportunity"}
    known = draft.rows["salesforce.opportunity"][0]["id"]
    draft.add("gong.call_context_integration", **link, call_id=_CALLS + 1, object_id=known)
    draft.add("gong.call_context_integration", **link, call_id=_CALLS + 2, object_id=known, deleted=True)
    draft.add("gong.call_context_integration", **link, call_id=_CALLS + 999, object_id=known)
    draft.add("gong.call_context_integration", **link, call_id=_CALLS + 1, object_id="0069999999NOWHERE")
    crm: dict[str, Any] = {"gong_call_id_c": str(_CALLS + 1), "gong_primary_opportunity_c": known}
    draft.add("salesforce.gong_gong_call_c", id="link-again", **crm)
    draft.add("salesforce.gong_gong_call_c", id="link-to-nothing", **{**crm, "gong_primary_opportunity_c": None})


def _opportunities(draft: Draft) -> None:
    model = draft.rows["salesforce.opportunity"][0]
    usual = {name: model[name] for name in ("account_id", "owner_id", "stage_name", "close_date", "amount")}
    for name, values in _OPPORTUNITIES.items():
        draft.add("salesforce.opportunity", **{"id": name, "name": name, **usual, **values})
    draft.add("salesforce.opportunity", id=None, name="Without an id", **usual)
    draft.add("salesforce.opportunity", id="opp-deleted", name="Deleted", deleted=True, **usual)
    twice = draft.add("salesforce.opportunity", id="opp-twice", name="Twice", **usual)
    draft.rows["salesforce.opportunity"].append(dict(twice))


def _emails(draft: Draft) -> None:
    for name, values in _EMAILS.items():
        _email(draft, name, **values)
    _email(draft, "email-without-id", id=None)
    _email(draft, "email-deleted")["_fivetran_deleted"] = True
    draft.rows["gong.email"].append(dict(_email(draft, "email-twice")))


def _email(draft: Draft, name: str, **values: Any) -> Row:
    row = {"id": name, "subject": name, "sent_at": "2025-02-03 04:05:06 UTC", "body": "Short.", **values}
    return draft.add("gong.email", **row)


def _mail_addresses(draft: Draft) -> None:
    _email(draft, "email-without-sender")
    draft.add("gong.email_recipient", email_id="email-without-sender", email_address="someone@customer.example")
    _email(draft, "email-malformed-addresses")
    draft.add("gong.email_sender", email_id="email-malformed-addresses", email_address="not an address")
    for malformed in ("@nowhere", "Jane Doe <jane@customer.example>", "a@b@c"):
        draft.add("gong.email_recipient", email_id="email-malformed-addresses", email_address=malformed)
    _email(draft, "email-odd-addresses")
    for sender in ("one@prefect.io", "two@prefect.io"):
        draft.add("gong.email_sender", email_id="email-odd-addresses", email_address=sender)
    for recipient in ("same@customer.example", "same@customer.example", None, ""):
        draft.add("gong.email_recipient", email_id="email-odd-addresses", email_address=recipient)
    draft.add(
        "gong.email_recipient", email_id="email-odd-addresses", email_address="left@customer.example", deleted=True
    )
    draft.add("gong.email_recipient", email_id="email-that-never-came", email_address="early@customer.example")

"""The calls of the sample: who was there, who spoke, and what was said."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from call_coach_assets.local.sample_draft import LANDING, SENTENCES, TOPICS, Draft, Row, address

_WORKSPACE = "3301"
_MINUTE = 60


def add_calls(draft: Draft) -> None:
    """The calls, each with two to five speakers and its monologues."""
    users = draft.rows["gong.users"]
    for number in range(draft.calls):
        call = _call(draft, number)
        at = call["_fivetran_synced"] - LANDING
        speakers = [_company_speaker(draft, call, at, user) for user in draft.random.sample(users, 1 + number % 2)]
        speakers += [_customer(draft, call, at, place) for place in range(draft.random.randrange(1, 4))]
        _add_monologues(draft, call, at, speakers)


def _call(draft: Draft, number: int) -> Row:
    started = draft.moment()
    account = draft.random.choice(draft.rows["salesforce.account"])
    identifier = 7_012_345_678_900_000_000 + number * 1009
    owner = draft.random.choice(draft.rows["gong.users"])
    return draft.add(
        "gong.call", started, id=identifier, workspace_id=_WORKSPACE,
        title=f"{account['name']} <> Prefect: {draft.random.choice(TOPICS)}", scheduled=started,
        started=(started + timedelta(minutes=2)).isoformat(), duration=draft.random.randrange(10, 90) * _MINUTE,
        purpose=draft.random.choice(("Discovery", "Demo", "Negotiation", "Check-in", None)),
        url=f"https://app.gong.io/call?id={identifier}", direction="Conference",
        scope="External" if draft.chance(0.9) else "Internal", system=draft.random.choice(("Zoom", "Google Meet")),
        language="eng", is_private=False, primary_user_id=owner["id"],
    )  # fmt: skip


def _speaker(draft: Draft, call: Row, at: datetime, user_id: int | None, talk_time: float) -> Row:
    number = len(draft.rows["gong.call_speaker"])
    return draft.add(
        "gong.call_speaker", at, id=str(5_500_000_000_000_000_000 + number), call_id=call["id"], user_id=user_id,
        talk_time=talk_time,
    )  # fmt: skip


def _participant(draft: Draft, call: Row, at: datetime, speaker: Row, **values: Any) -> None:
    number = len(draft.rows["gong.call_participant"])
    draft.add(
        "gong.call_participant", at, id=str(6_600_000_000_000_000_000 + number), call_id=str(call["id"]),
        speaker_id=speaker["id"], **values,
    )  # fmt: skip


def _company_speaker(draft: Draft, call: Row, at: datetime, user: Row) -> Row:
    speaker = _speaker(draft, call, at, user["id"], round(draft.random.uniform(60, 1500), 3))
    if draft.chance(0.8):
        _participant(
            draft, call, at, speaker, user_id=str(user["id"]), email_address=user["email_address"],
            name=f"{user['first_name']} {user['last_name']}", title=user["title"], affiliation="Internal",
        )  # fmt: skip
    return speaker


def _customer(draft: Draft, call: Row, at: datetime, place: int) -> Row:
    """Someone from outside: no user; some without a name, some unknown altogether."""
    first, last = draft.person()
    speaker = _speaker(draft, call, at, None, round(draft.random.uniform(5, 900), 3))
    if not draft.chance(0.1):
        domain = call["title"].partition(" <> ")[0].replace(" ", "-").lower() + ".example"
        name = None if draft.chance(0.15) else f"{first} {last}"
        affiliation = "Unknown" if draft.chance(0.1) else "External"
        mail = address(first, f"{last}{place}" if place else last, domain)
        _participant(
            draft, call, at, speaker, email_address=mail, name=name, title="Data Engineer", affiliation=affiliation
        )
    return speaker


def _add_monologues(draft: Draft, call: Row, at: datetime, speakers: list[Row]) -> None:
    now = 0
    for index in range(draft.monologues):
        said, now = _sentences(draft, now)
        plain = draft.chance(0.03)
        draft.add(
            "gong.transcript", at, call_id=str(call["id"]), index=index, workspace_id=_WORKSPACE,
            speaker_id=speakers[draft.random.randrange(len(speakers))]["id"],
            topic=None if draft.chance(0.1) else TOPICS[index * len(TOPICS) // draft.monologues],
            sentence=" ".join(part["text"] for part in said) if plain else json.dumps(said, ensure_ascii=False),
        )  # fmt: skip


def _sentences(draft: Draft, start: int) -> tuple[list[Row], int]:
    """One monologue of one to four sentences, in milliseconds from the start of the call; and when it ends."""
    said = []
    for _ in range(draft.random.randrange(1, 5)):
        text = SENTENCES[draft.random.randrange(len(SENTENCES))]
        end = start + 60 * len(text)
        said.append({"start": start, "end": end, "text": text})
        start = end + 250
    return said, start

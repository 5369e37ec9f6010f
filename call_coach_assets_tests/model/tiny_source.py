"""A tiny world of source rows: few keys, so that any random history comes back to each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

CALLS, DEALS, MAILS = (1, 2, 3), ("006A", "006B"), ("m1", "m2")
USERS = (901, 902)
EVERY = "*"  # stands for every key of an entity in what a change puts in doubt
_NOON = datetime(2025, 1, 2, 12, tzinfo=UTC)

Values = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A source table: its keys, what a row holds in its n-th version, and which rows of the targets depend on it."""

    keys: tuple[Values, ...]
    values: Callable[[Values, int], Values]
    part: Callable[[Values], tuple[str, Any]]  # ("call" | "deal" | "mail", the key or EVERY)
    spoil: Mapping[str, Any] | None = None  # makes of a row one that cannot be published, or not whole


@dataclass(frozen=True)
class SourceRow:
    """A row that may be there or not: its table and the columns that identify it."""

    table: str
    number: int

    @property
    def kind(self) -> Kind:
        return KINDS[self.table]

    @property
    def key(self) -> Values:
        return self.kind.keys[self.number]

    def __repr__(self) -> str:
        return f"{self.table}[{', '.join(map(str, self.key.values()))}]"


def _pick(options: tuple[Any, ...], version: int) -> Any:
    return options[version % len(options)]


def _user(key: Values, n: int) -> Values:
    domain = _pick(("prefect.io", "out.test"), n)
    return {"email_address": f"rep{n}@{domain}", "first_name": "Rep", "last_name": f"No{n}"}


def _call(key: Values, n: int) -> Values:
    links = _pick((None, '{"opportunity_id": "006B"}', '{"opportunity_ids": ["006A", "006B"]}'), n)
    at = _NOON + timedelta(hours=key["id"] + n % 5)
    return {"title": f"Call, version {n}", "scheduled": at, "duration": 600 + n, "metadata": links, "scope": "External"}


def _speaker(key: Values, n: int) -> Values:
    return {"user_id": _pick((901, None, 902), n), "talk_time": 10.0 + n % 90}


def _participant(key: Values, n: int) -> Values:
    address = f"guest.{n}@acme.test"
    side = _pick(("External", "Internal"), n)
    return {"speaker_id": f"{key['call_id']}{_pick(('a', 'b'), n)}", "email_address": address, "affiliation": side}


def _monologue(key: Values, n: int) -> Values:
    sentence = f'[{{"start": {n}, "end": {n + 9}, "text": "words {n}"}}]'
    return {
        "speaker_id": f"{key['call_id']}{_pick(('a', 'b'), n)}",
        "topic": _pick(("Intro", None), n),
        "sentence": sentence,
    }


def _deal(key: Values, n: int) -> Values:
    fixed = {"close_date": "2025-09-30", "account_id": _pick(("001", "002"), n), "owner_id": "005"}
    return {"name": f"Deal {n}", "stage_name": f"Stage {n % 3}", "amount": f"{n}.50", **fixed}


def _mail(key: Values, n: int) -> Values:
    deal = _pick(("006A", None, "006B", "006A"), n)
    return {"subject": f"Mail {n}", "sent_at": "2025-01-05T10:00:00Z", "body": "Hello", "opportunity_id": deal}


def _of(kind: str, column: str | None = None) -> Callable[[Values], tuple[str, Any]]:
    return lambda key: (kind, EVERY if column is None else str(key[column]))


def _keys(**columns: tuple[Any, ...]) -> tuple[Values, ...]:
    found: list[Values] = [{}]
    for name, values in columns.items():
        found = [{**key, name: value} for key in found for value in values]
    return tuple(found)


_SPEAKERS = tuple({"call_id": call, "id": f"{call}{name}"} for call in CALLS for name in "ab")
_LINKS = tuple({"id": f"g{call}", "gong_call_id_c": str(call)} for call in CALLS)
_STAGES = tuple({"id": f"h{deal}", "opportunity_id": deal} for deal in DEALS)
_TEXT_CALLS = tuple(map(str, CALLS))
_TWICE = {"call_id": "1", "index": 0, "workspace_id": "w2"}  # a monologue of a call that lies in two workspaces
KINDS: dict[str, Kind] = {
    "gong.users": Kind(_keys(id=USERS), _user, _of("call")),
    "gong.call": Kind(
        (*_keys(id=CALLS, workspace_id=("w1",)), {"id": 1, "workspace_id": "w2"}),
        _call,
        _of("call", "id"),
        {"duration": "an hour"},
    ),
    "gong.call_speaker": Kind(_SPEAKERS, _speaker, _of("call", "call_id"), {"talk_time": "much"}),
    "gong.call_participant": Kind(_keys(id=("p",), call_id=_TEXT_CALLS), _participant, _of("call", "call_id")),
    "gong.transcript": Kind(
        (*_keys(call_id=_TEXT_CALLS, index=(0, 1), workspace_id=("w1",)), _TWICE),
        _monologue,
        _of("call", "call_id"),
        {"sentence": None},
    ),
    "gong.call_context_integration": Kind(
        _keys(call_id=CALLS, object_id=DEALS, name=("Amount",)),
        lambda _, n: {"object_type": "Opportunity"},
        _of("call", "call_id"),
    ),
    "salesforce.gong_gong_call_c": Kind(
        _LINKS, lambda _, n: {"gong_primary_opportunity_c": _pick(DEALS, n)}, _of("call", "gong_call_id_c")
    ),
    "salesforce.account": Kind(_keys(id=("001", "002")), lambda _, n: {"name": f"Account {n}"}, _of("deal")),
    "salesforce.user": Kind(_keys(id=("005",)), lambda _, n: {"email": f"owner{n}@prefect.io"}, _of("deal")),
    "salesforce.opportunity": Kind(_keys(id=DEALS), _deal, _of("deal", "id"), {"name": None}),
    "salesforce.opportunity_field_history": Kind(
        _STAGES,
        lambda _, n: {"field": "StageName", "old_value": "a", "new_value": f"b{n}", "created_date": _NOON},
        _of("deal", "opportunity_id"),
    ),
    "gong.opportunity": Kind(_keys(id=DEALS), lambda _, n: {"health_score": float(n % 100)}, _of("deal", "id")),
    "gong.email": Kind(_keys(id=MAILS), _mail, _of("mail", "id"), {"sent_at": None}),
    "gong.email_sender": Kind(
        _keys(email_id=MAILS, email_address=("from@acme.test",)), lambda _, n: {}, _of("mail", "email_id")
    ),
    "gong.email_recipient": Kind(
        _keys(email_id=MAILS, email_address=("x@acme.test", "y@acme.test")), lambda _, n: {}, _of("mail", "email_id")
    ),
}
ROWS = tuple(SourceRow(table, number) for table, kind in KINDS.items() for number in range(len(kind.keys)))

"""How the tiny world's tables change their shape: columns that go and come back, types that change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

BASES = {
    "calls": "gong.call",
    "speakers": "gong.call_speaker",
    "transcripts": "gong.transcript",
    "opportunities": "salesforce.opportunity",
    "emails": "gong.email",
}
ENTITY_OF = {table: entity for entity, table in BASES.items()}
UNPUBLISHABLE = {"gong.transcript", "salesforce.opportunity", "gong.email"}  # where they are spoiled
# A column of each table that nothing but these columns of its entity is made of.
DROPPABLE: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "gong.call": ("title", ("title",)),
    "gong.call_speaker": ("talk_time", ("talk_time_seconds", "talk_time_percentage")),
    "salesforce.opportunity": ("stage_name", ("stage",)),
    "gong.email": ("subject", ("subject",)),
}
# The types that a column has in one warehouse or another; what it holds can be told from each of them.
TYPES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("gong.call", "id"): ("INT64", "STRING", "FLOAT64"),
    ("gong.call", "duration"): ("INT64", "FLOAT64", "STRING"),
    ("gong.call", "scheduled"): ("TIMESTAMP", "STRING"),
    ("gong.call_speaker", "call_id"): ("INT64", "STRING"),
    ("gong.call_speaker", "user_id"): ("INT64", "STRING", "FLOAT64"),
    ("gong.call_speaker", "talk_time"): ("FLOAT64", "STRING", "INT64", "NUMERIC"),
    ("gong.transcript", "call_id"): ("STRING", "INT64"),
    ("gong.transcript", "index"): ("INT64", "STRING", "FLOAT64"),
    ("salesforce.opportunity", "amount"): ("STRING", "FLOAT64", "NUMERIC"),
    ("salesforce.opportunity", "close_date"): ("STRING", "DATE", "TIMESTAMP"),
    ("gong.email", "sent_at"): ("STRING", "TIMESTAMP"),
}
RETYPES = tuple((table, column, kind) for (table, column), kinds in TYPES.items() for kind in kinds)


def as_stored(value: Any, kind: str) -> Any:
    """The value as a column of BigQuery's type `kind` holds it; None where it cannot."""
    try:
        return value if value is None or kind not in _STORED else _STORED[kind](value)
    except (ValueError, ArithmeticError):
        return None


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _instant(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found.replace(tzinfo=found.tzinfo or UTC)


_STORED: dict[str, Callable[[Any], Any]] = {
    "STRING": _text,
    "INT64": int,
    "FLOAT64": float,
    "NUMERIC": lambda value: Decimal(str(value)),
    "DATE": lambda value: date.fromisoformat(str(value)),
    "TIMESTAMP": _instant,
}

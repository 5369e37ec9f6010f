"""How single values of the source are read: ids, numbers, dates, instants, addresses."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DAY = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})(?:[T ].*)?")
_AMOUNT_LIMIT = Decimal(10) ** 13


def text(value: Any) -> str | None:
    """An id or a word as text, None where there is none: the ids 7 and "7" are one, "" is no id."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None or str(value).strip() == "" else str(value)


def number(value: Any) -> Decimal | None:
    """A finite number, None where there is none or where it cannot be read."""
    try:
        parsed = None if value is None else Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return parsed if parsed is not None and parsed.is_finite() else None


def unreadable(value: Any) -> bool:
    """Whether there is something, and it is no number: the row is published without it, and is a dead letter."""
    return text(value) is not None and number(value) is None


def rounded(value: Any, places: int = 0) -> Decimal | None:
    """The number rounded half away from zero to `places`."""
    parsed = number(value)
    return None if parsed is None else parsed.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def whole(value: Any) -> int | None:
    """The number rounded to an integer."""
    parsed = rounded(value)
    return None if parsed is None else int(parsed)


def amount(value: Any) -> Decimal | None:
    """What numeric(15, 2) can hold, else None."""
    parsed = rounded(value, 2) if number(value) is not None else None
    return parsed if parsed is not None and abs(parsed) < _AMOUNT_LIMIT else None


def instant(value: Any) -> datetime | None:
    """A TIMESTAMP, or a text of one, as an aware UTC datetime; None where it cannot be read."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        return None if value is None else instant(datetime.fromisoformat(re.sub(r" ?UTC$", "Z", str(value).strip())))
    except ValueError:
        return None


def day(value: Any) -> date | None:
    """A DATE, or the day with which a text or an instant starts; None where it cannot be read."""
    if isinstance(value, datetime):
        return instant(value).date()  # type: ignore[union-attr]
    if value is None or isinstance(value, date):
        return value
    match = _DAY.fullmatch(str(value).strip())
    try:
        return datetime.strptime(match[1], "%Y-%m-%d").date() if match else None
    except ValueError:
        return None


def well_formed(address: str) -> bool:
    """Whether an address could be one: something, an @, a domain with a dot."""
    return _ADDRESS.fullmatch(address) is not None


def domain(address: str | None) -> str | None:
    """What follows the @ of an address, in lower case."""
    return address.rpartition("@")[2].strip().lower() if address and "@" in address else None


def words_of(address: str | None) -> str | None:
    """The local part of an address in words: `jane.doe@x` is Jane Doe."""
    words = re.split(r"[._+-]+", (address or "").partition("@")[0].strip())
    return " ".join(word.capitalize() for word in words if word) or None

"""Casting one value to the type in which its column travels: the slow way, where a column does not fit as a whole.

Each cast takes any value that Arrow hands out; ValueError, TypeError or ArithmeticError say that it does not fit.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NoReturn

import orjson

from call_coach_assets.sync.entity import ColumnType

DECIMAL = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
# A JSON escape: a pair of surrogates, one code unit, or any other.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_UNSTORABLE = re.compile(r"\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})\Z")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def storable(json_text: str) -> str:
    """JSON text in which U+FFFD stands for what jsonb cannot hold: U+0000 and lone surrogates."""
    return _ESCAPE.sub(lambda escape: "\ufffd" if _UNSTORABLE.match(escape[0]) else escape[0], json_text)


def text_of(value: Any) -> str:
    """Any value of a source column as text: JSON for what is nested, base64 for bytes."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, bool | dict | list):
        return json_of(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def json_of(value: Any) -> str:
    """Any value of a source column as JSON text; numbers that JSON has no word for become text."""
    return json.dumps(_finite(value), ensure_ascii=False, default=text_of)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _decimal(value: Any) -> str:
    text = text_of(value).strip()
    if not re.match(DECIMAL, text):
        raise ValueError(text)
    return text


def _integer(value: Any) -> int:
    number = Decimal(text_of(value).strip())
    if number != number.to_integral_value() or not -(2**63) <= number < 2**63:
        raise ValueError(text_of(value))
    return int(number)


def _boolean(value: Any) -> bool:
    text = text_of(value).strip().lower()
    return _BOOLEANS[text] if text in _BOOLEANS else _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def _timestamp(value: Any) -> datetime:
    if isinstance(value, int | float | Decimal):
        raise TypeError("a number is no point in time without a unit")
    instant = datetime.fromisoformat(text_of(value).strip().removesuffix(" UTC"))
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)


def _date(value: Any) -> date:
    return _timestamp(value).date()


def _json(value: Any) -> str:
    if not isinstance(value, str):
        return json_of(value)
    json.loads(value, parse_constant=_refuse)
    return value


def _text_array(value: Any) -> str:
    text = _json(value)
    list_of(text)
    return text


def list_of(text: str) -> list[Any]:
    """The JSON array in `text`; orjson refuses lone surrogates, which `conform` replaces."""
    parsed = json.loads(text) if "\\u" in text else orjson.loads(text)
    if not isinstance(parsed, list):
        raise TypeError("no array")
    return parsed


VALUE_CASTS: dict[ColumnType, Callable[[Any], Any]] = {
    ColumnType.TEXT: text_of,
    ColumnType.INTEGER: _integer,
    ColumnType.DECIMAL: _decimal,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.DATE: _date,
    ColumnType.TIMESTAMP: _timestamp,
    ColumnType.JSON: _json,
    ColumnType.TEXT_ARRAY: _text_array,
}

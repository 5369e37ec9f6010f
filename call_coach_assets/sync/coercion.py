"""Reading a column whose type is another than the one declared, as an expression of the declared type."""

from __future__ import annotations

from call_coach_assets.sync.query import ColumnRead

_FAMILIES = {
    "STRING": "text",
    "BOOL": "truth",
    **dict.fromkeys(("INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC"), "number"),
    **dict.fromkeys(("DATE", "DATETIME", "TIMESTAMP"), "time"),
}


def as_declared(expression: str, read: ColumnRead, declared: str, live: str) -> str:
    """`expression`, which reads a `live` column, as one of type `declared`; a value that does not fit is NULL.

    Where the query casts the column itself, it only gets what that cast takes.
    """
    if read.tested or _same(declared, live):
        return expression
    if read.cast is not None:
        castable = live in _FAMILIES and family(read.cast) in {"text", family(live)}
        return expression if castable or live == "STRING" else as_text(expression, live)
    if declared == "STRING":
        return as_text(expression, live)
    direct = live == "STRING" or family(declared) == family(live)
    return f"SAFE_CAST({expression if direct else as_text(expression, live)} AS {declared})"


def as_text(expression: str, live: str) -> str:
    """Any column as a STRING: nested ones as JSON, bytes in base 64."""
    if live in _FAMILIES:
        return f"CAST({expression} AS STRING)"
    return f"TO_BASE64({expression})" if live == "BYTES" else f"TO_JSON_STRING({expression})"


def as_json_value(expression: str, live: str) -> str:
    """Any column as something that JSON can hold: nested ones and bytes become text."""
    return expression if live in _FAMILIES else as_text(expression, live)


def _same(declared: str, live: str) -> bool:
    return declared == live or family(declared) == family(live) == "number"


def family(kind: str) -> str:
    """What kind of values a BigQuery type holds: text, truth, number or time; another type is its own family."""
    return _FAMILIES.get(kind, kind)

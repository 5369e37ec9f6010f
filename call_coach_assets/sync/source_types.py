"""A source column that has another type than the one declared: what is still exact, what is lost, and its raw text."""

from __future__ import annotations

from call_coach_assets.sync.coercion import as_text, family

_TEXT = "STRING"
_FRACTIONAL = ("FLOAT64", "NUMERIC", "BIGNUMERIC")
_EXACT_IN_A_FLOAT = 2**53


def loses(declared: str, live: str) -> bool:
    """Whether some values of a `live` column are none of the type `declared`."""
    if declared in {_TEXT, live}:
        return False
    if family(declared) == family(live):
        return declared == "INT64" and live in _FRACTIONAL
    return True


def inexact_key(declared: str, live: str) -> bool:
    """Whether a key that is read as it stands could become another key: `7e+18`, or 2.5 rounded to 3."""
    return live in _FRACTIONAL and (declared == "INT64" or (declared == _TEXT and live == "FLOAT64"))


def exact(expression: str, live: str) -> str:
    """A number as the INT64 that it is exactly; NULL where it is none, or where a float cannot tell."""
    bound = f" AND ABS({expression}) <= {_EXACT_IN_A_FLOAT}" if live == "FLOAT64" else ""
    return f"IF({expression} = TRUNC({expression}){bound}, SAFE_CAST({expression} AS INT64), NULL)"


def misfit_text(expression: str, declared: str, live: str, *, key: bool) -> str | None:
    """An expression of the raw text where the value is lost on the way to `declared`; None where none can be."""
    if key and inexact_key(declared, live):
        kept = exact(expression, live)
    elif not loses(declared, live):
        return None
    elif family(declared) == family(live):
        kept = f"SAFE_CAST(ROUND({expression}) AS INT64)"
    else:
        castable = expression if live == _TEXT else as_text(expression, live)
        kept = f"SAFE_CAST({castable} AS {_widest(declared, key=key)})"
    text = as_text(expression, live)
    return f"IF({expression} IS NOT NULL AND {kept} IS NULL AND TRIM({text}) <> '', {text}, NULL)"


def _widest(declared: str, *, key: bool) -> str:
    """The type whose values count as fitting: a text like 1800.5 is rounded by the query, where it is no key."""
    return "NUMERIC" if declared == "INT64" and not key else declared

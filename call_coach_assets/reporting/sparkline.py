"""A row of bars in plain text: ▁▂▃▄▅▆▇█."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p
from typing import Literal

BARS = "▁▂▃▄▅▆▇█"
FAILED, ABSENT = "×", "·"
Value = float | Literal["failed"] | None


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run of one entity; "failed" where it failed, None where it was not part of the run."""

    rows: Value = None
    seconds: Value = None
    lag_seconds: Value = None


def sparkline(values: Sequence[Value], *, by_magnitude: bool = False) -> str:
    """One sign for each value, the first leftmost, on a scale from 0 to the largest; logarithmic if `by_magnitude`."""
    if by_magnitude:
        values = [log1p(max(value, 0)) if isinstance(value, int | float) else value for value in values]
    most = max((value for value in values if isinstance(value, int | float)), default=0)
    return "".join(_sign(value, most) for value in values)


def _sign(value: Value, most: float) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, str):
        return FAILED
    if value <= 0 or most <= 0:
        return BARS[0]
    return BARS[max(1, round(value / most * (len(BARS) - 1)))]

"""What a query costs, and what that makes in a month of scheduled runs."""

from __future__ import annotations

from functools import cache

from call_coach_assets.settings import Settings

BYTES_PER_TIB = 1024**4
DAYS_PER_MONTH = 365 / 12
_MACROS = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0"}
_RANGES = (60, 24, 31, 12, 7)  # minutes, hours, days, months, weekdays: how many there are of each


def cost_usd(bytes_billed: int, settings: Settings) -> float:
    """US dollars that BigQuery charges for `bytes_billed`, at the configured price of a TiB."""
    return bytes_billed / BYTES_PER_TIB * settings.bigquery_usd_per_tib


def monthly_cost_usd(bytes_billed: int, settings: Settings) -> float:
    """US dollars a month if every run of SYNC_CRON billed `bytes_billed`."""
    return cost_usd(bytes_billed, settings) * runs_per_month(settings.sync_cron)


@cache
def runs_per_month(cron: str) -> float:
    """How often a cron expression with five fields comes true in a month, on average; hourly for any other."""
    fields = _MACROS.get(cron.strip(), cron).split()
    if len(fields) != len(_RANGES):
        return runs_per_month("@hourly")
    counts = [_count(field, there_are) for field, there_are in zip(fields, _RANGES, strict=True)]
    minutes, hours, *_ = counts
    days, months, weekdays = (min(1.0, n / there_are) for n, there_are in zip(counts[2:], _RANGES[2:], strict=True))
    either = days + weekdays - days * weekdays if days < 1 and weekdays < 1 else days * weekdays
    return minutes * hours * DAYS_PER_MONTH * either * months


def _count(field: str, there_are: int) -> int:
    return sum(_count_part(part, there_are) for part in field.split(","))


def _count_part(part: str, there_are: int) -> int:
    """How many values `*`, `5`, `1-5`, each with or without `/step`, stand for; between names, all of them."""
    values, _, step = part.partition("/")
    first, dash, last = values.partition("-")
    if values == "*":
        wide = there_are
    elif dash:
        wide = int(last) - int(first) + 1 if first.isdigit() and last.isdigit() else there_are
    else:
        wide = 1
    return -(-wide // int(step)) if step.isdigit() and int(step) else wide

"""What a query costs, and what that makes in a month of hourly runs."""

from __future__ import annotations

from call_coach_assets.settings import Settings

BYTES_PER_TIB = 1024**4
RUNS_PER_MONTH = 730  # hourly


def cost_usd(bytes_billed: int, settings: Settings) -> float:
    """US dollars that BigQuery charges for `bytes_billed`, at the configured price of a TiB."""
    return bytes_billed / BYTES_PER_TIB * settings.bigquery_usd_per_tib


def monthly_cost_usd(bytes_billed: int, settings: Settings) -> float:
    """US dollars a month if every hourly run billed `bytes_billed`."""
    return cost_usd(bytes_billed, settings) * RUNS_PER_MONTH

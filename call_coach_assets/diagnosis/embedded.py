"""The embedded stack: which of its two servers answers."""

from __future__ import annotations

from call_coach_assets.diagnosis.connection import connected
from call_coach_assets.diagnosis.finding import Finding, error, ok
from call_coach_assets.errors import CallCoachError
from call_coach_assets.local.emulator import emulator_address
from call_coach_assets.local.postgres import socket_folder
from call_coach_assets.local.stack import local_folder
from call_coach_assets.settings import socket_url

START = "call-coach local start"


def look_at_stack() -> list[Finding]:
    """Whether the embedded Postgres and the BigQuery emulator of this folder answer; starts neither."""
    folder = local_folder()
    url = socket_url(socket_folder(folder / "postgres"), "call_coach")
    address = emulator_address(folder / "bigquery")
    emulator = error("BigQuery emulator", "does not run", START)
    return [_postgres(url), ok("BigQuery emulator", f"answers at {address.rest}") if address else emulator]


def _postgres(url: str) -> Finding:
    try:
        with connected(url):
            return ok("Postgres", f"answers at {url}")
    except CallCoachError:
        return error("Postgres", "does not run", START)

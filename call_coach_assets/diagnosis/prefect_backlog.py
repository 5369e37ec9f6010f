"""What Prefect has not been told yet."""

from __future__ import annotations

import os
from pathlib import Path

from call_coach_assets.diagnosis.finding import Finding, ok, warning
from call_coach_assets.orchestration.home import FOLDER, PROJECT, VARIABLE
from call_coach_assets.settings import Settings

NAME = "Prefect"
SPOOL = Path("prefect") / "spool.sqlite"


def find_prefect_backlog(settings: Settings) -> Finding:
    """Whether run metadata waits on this machine for PREFECT_API_URL; nothing is delivered."""
    if settings.prefect_api_url is None:
        return ok(NAME, "PREFECT_API_URL is not set: run metadata is written to a file only")
    spool = Path(os.environ.get(VARIABLE) or PROJECT / FOLDER) / SPOOL
    if not spool.exists():
        return ok(NAME, "nothing was ever told to it from this machine")
    from call_coach_assets.reporting.prefect.emitter import backlog

    left = backlog(spool.parent)
    if left is None or not (left.waiting or left.refused):
        return ok(NAME, "was told of every run")
    reason = f": {left.last_error}" if left.last_error else ""
    return warning(
        NAME,
        f"messages that wait: {left.waiting:,}, that were refused: {left.refused:,}{reason}",
        "check PREFECT_API_URL and PREFECT_API_KEY, then: call-coach prefect push",
    )

"""Google credentials, looked at without a request: are there any, and does the file hold a usable key."""

from __future__ import annotations

from typing import Any

from call_coach_assets.diagnosis.finding import Finding, from_error, ok
from call_coach_assets.errors import SourceAccessError
from call_coach_assets.settings import Settings
from call_coach_assets.sync.credentials import google_credentials

NAME = "Google credentials"


def find_credentials(settings: Settings) -> Finding:
    """Look at the credentials that the settings lead to: those of an emulator, of a key file, or of this machine."""
    if settings.bigquery_emulator_host:
        return ok(NAME, f"anonymous: BIGQUERY_EMULATOR_HOST is {settings.bigquery_emulator_host}")
    try:
        credentials = google_credentials(settings)
    except SourceAccessError as problem:
        return from_error(NAME, problem)
    place = settings.google_application_credentials or "application-default credentials"
    return ok(NAME, f"{_owner(credentials)}, from {place}; queries run in project {settings.bigquery_project}")


def _owner(credentials: Any) -> str:
    """Whose credentials they are, as far as they say without a request."""
    return getattr(credentials, "service_account_email", None) or type(credentials).__module__.rpartition(".")[2]

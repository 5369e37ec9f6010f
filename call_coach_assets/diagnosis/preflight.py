"""What every sync needs, looked at before a run is started: a run that cannot succeed leaves no trace."""

from __future__ import annotations

from call_coach_assets.diagnosis.connection import connected
from call_coach_assets.settings import Settings, load_settings
from call_coach_assets.sync.credentials import google_credentials
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.retry import attempts


def require_both_ends() -> Settings:
    """Read the settings and the declarations, find Google credentials, connect to Postgres.

    What concerns one entity alone, such as a mistake in its query or a table that is not there, fails that entity only.

    A Postgres that is away is asked again three times, as in any sync. Raises ConfigurationError, SourceAccessError or
    the TargetError family.
    """
    load_entities(check_queries=False)
    settings = load_settings()
    url = settings.database_url
    if not settings.bigquery_emulator_host:
        google_credentials(settings)
    for attempt in attempts(settings, "connecting to Postgres"):
        with attempt, connected(url):
            pass
    return settings

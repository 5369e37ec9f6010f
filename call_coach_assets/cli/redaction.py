"""Which secrets a command must not show."""

from __future__ import annotations

import os
from collections.abc import Mapping

from call_coach_assets.redaction import redact, secrets_in_url

__all__ = ["current_secrets", "redact", "secrets_of"]

SECRET_NAMES = (
    "DATABASE_URL",
    "DATABASE_URL_DIRECT",
    "DAGSTER_POSTGRES_URL",
    "SLACK_WEBHOOK_URL",
    "PAGERDUTY_ROUTING_KEY",
    "PREFECT_API_KEY",
)
URLS_WITH_PASSWORDS = ("METRICS_PUSH_GATEWAY", "PREFECT_API_URL")


def current_secrets() -> tuple[str, ...]:
    """The secrets of the environment and of `.env`; where the settings are wrong, those of the environment alone."""
    from call_coach_assets.errors import ConfigurationError
    from call_coach_assets.settings import read_settings

    try:
        return (*read_settings().secrets, *secrets_of(os.environ))
    except (ConfigurationError, ValueError):
        return secrets_of(os.environ)


def secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The values of the secret variables in `environment`, and the passwords within those that are URLs."""
    values = [environment[name] for name in SECRET_NAMES if environment.get(name)]
    urls = [*values, *(environment[name] for name in URLS_WITH_PASSWORDS if environment.get(name))]
    return (*values, *(secret for url in urls for secret in secrets_in_url(url)))

"""Keeps secrets out of whatever a person or a log collector sees."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlsplit

MASK = "•••"
SHORTEST = 4
SECRET_NAMES = (
    "DATABASE_URL",
    "DATABASE_URL_DIRECT",
    "DAGSTER_POSTGRES_URL",
    "SLACK_WEBHOOK_URL",
    "PAGERDUTY_ROUTING_KEY",
    "PREFECT_API_KEY",
)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Mask each of `secrets` in `text`, as it is and percent-decoded; the longest first, since one may hold another."""
    spellings = {spelling for secret in secrets for spelling in (secret, unquote(secret)) if len(spelling) >= SHORTEST}
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, MASK)
    return text


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
    return (*values, *(password for value in values if (password := _password(value))))


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:
        return None

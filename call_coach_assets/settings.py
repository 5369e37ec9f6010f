"""The environment, read once: every setting with its type, default and meaning.

`.env.example` documents each of them. Reading needs no network and opens nothing; what is missing is
only an error where it is needed, and `Settings.database_url` and its like say what to set.
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from call_coach_assets.errors import ConfigurationError
from call_coach_assets.redaction import SHORTEST, path_of, secrets_in_url

LOCAL_PROFILE = "local"
_POOLER = re.compile(r"^([^.]+)-pooler\.")


class Settings(BaseSettings):
    """One reading of the environment and of `.env` in the working directory."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, env_ignore_empty=True
    )

    call_coach_profile: str | None = None
    database_url_pooled: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    database_url_direct: SecretStr | None = None
    dagster_postgres_url: SecretStr | None = None

    google_application_credentials: str | None = None
    bigquery_project: str = "prefect-data-warehouse"
    bigquery_location: str | None = None
    gong_dataset: str = "gongio_ft"
    salesforce_dataset: str = "salesforce"
    bigquery_emulator_host: str | None = None
    bigquery_storage_emulator_host: str | None = None

    company_domains: str = "prefect.io"
    sync_overlap_minutes: int = Field(default=60, ge=0)
    sync_batch_size: int = Field(default=1000, ge=1)
    sync_publish_rows: int = Field(default=100_000, ge=1)
    sync_skip_unchanged: bool | None = None
    sync_retry_seconds: float = Field(default=1.0, ge=0)
    sync_schema: str = Field(default="call_coach_sync", pattern=r"^[a-z_][a-z0-9_]{0,50}$")
    sync_executor: Literal["auto", "multiprocess", "in_process"] = "auto"
    sync_cron: str = "0 * * * *"
    sync_timezone: str = "UTC"
    reconcile_daily_cron: str = "30 3 * * *"
    reconcile_weekly_cron: str = "30 4 * * 0"
    max_bytes_billed: int = Field(default=10 * 1024**3, ge=1)
    query_timeout_seconds: float = Field(default=600, gt=0)
    monthly_cost_budget_usd: float = Field(default=10, ge=0)
    bigquery_usd_per_tib: float = Field(default=6.25, ge=0)

    slack_webhook_url: SecretStr | None = None
    pagerduty_routing_key: SecretStr | None = None
    pagerduty_events_url: str | None = None
    dagster_ui_url: str = "http://127.0.0.1:3000"
    metrics_textfile: Path | None = None
    metrics_push_gateway: str | None = None

    prefect_api_url: str | None = None
    prefect_api_key: SecretStr | None = None
    prefect_ui_url: str | None = None
    prefect_metadata_enabled: bool = True

    @property
    def local(self) -> bool:
        """Whether the embedded stack is to be used."""
        return self.call_coach_profile == LOCAL_PROFILE

    @property
    def skips_unchanged(self) -> bool:
        """Whether tables that BigQuery calls unchanged are not read; of emulators only the word of our own counts."""
        if self.sync_skip_unchanged is None:
            return self.local or not self.bigquery_emulator_host
        return self.sync_skip_unchanged

    @cached_property
    def database_url(self) -> str:
        """The application's Postgres, as a direct (not pooled) `postgresql://` URL.

        Raises ConfigurationError where none is set or where it is no Postgres URL.
        """
        secret = self.database_url_direct or self.database_url_pooled
        if secret is None:
            raise ConfigurationError(
                "DATABASE_URL is not set",
                why="the sync writes into the application's Postgres and does not know where that is",
                remedy="set DATABASE_URL=postgresql://user:password@host:5432/database in the environment or in .env"
                " (CALL_COACH_PROFILE=local uses an embedded one)",
            )
        return _direct(secret.get_secret_value())

    @property
    def dagster_storage_url(self) -> str:
        """Where Dagster keeps runs: DAGSTER_POSTGRES_URL, else database `dagster` on the application's server."""
        if self.dagster_postgres_url is not None:
            scheme, _, rest = self.dagster_postgres_url.get_secret_value().partition("://")
            return f"{scheme.partition('+')[0]}://{rest}"
        return urlunsplit(urlsplit(self.database_url)._replace(path="/dagster"))

    @property
    def domains(self) -> tuple[str, ...]:
        """The company's mail domains, in lower case."""
        return tuple(part.strip().lower() for part in self.company_domains.split(",") if part.strip())

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret that is set: what no output may hold, in any spelling (see `redaction.redact`).

        Passwords within URLs are among them, those of settings that are no secret otherwise too, and so is a key that
        stands where the path of its file belongs.
        """
        secret = [value.get_secret_value() for _, value in self if isinstance(value, SecretStr)]
        plain = [value for _, value in self if isinstance(value, str) and "@" in value]
        within = [part for value in (*secret, *plain) for part in secrets_in_url(value)]
        webhook = path_of(self.slack_webhook_url.get_secret_value()) if self.slack_webhook_url else ""
        key = self.google_application_credentials or ""
        found = [*secret, *within, webhook, webhook.rpartition("/")[2], *([key] if "{" in key else [])]
        return tuple(dict.fromkeys(value for value in found if len(value) >= SHORTEST))

    def dataset(self, name: Literal["gong", "salesforce"]) -> str:
        """The dataset that Fivetran writes for a connector."""
        return self.gong_dataset if name == "gong" else self.salesforce_dataset


def _direct(url: str) -> str:
    """Turn any spelling of a Postgres URL into a direct `postgresql://` one."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        parts.port  # noqa: B018 - the property raises where the port is no number
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme.partition("+")[0] not in {"postgresql", "postgres"} or host is None:
        raise ConfigurationError(
            "DATABASE_URL is no Postgres URL",
            why="it must start with postgresql:// and name a host",
            remedy="set DATABASE_URL=postgresql://user:password@host:5432/database, with special characters"
            " of the password percent-encoded",
        )
    user, at, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(scheme="postgresql", netloc=user + at + _POOLER.sub(r"\1.", place)))


def socket_url(folder: Path, database: str, user: str = "postgres", port: int = 5432) -> str:
    """The URL of a Postgres that listens on a unix socket in `folder`."""
    return f"postgresql://{user}@{quote(str(folder), safe='')}:{port}/{database}"


def read_settings(**overrides: object) -> Settings:
    """Read the environment; `overrides` are for tests and win. Raises ConfigurationError naming each wrong setting."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(
            "The configuration is wrong", why=wrong, remedy="correct it in the environment or in .env; see .env.example"
        ) from None


def load_settings() -> Settings:
    """Read the environment and, under CALL_COACH_PROFILE=local, start the embedded stack and point at it.

    Everything that opens a connection starts here; importing does not. With the profile, every setting that
    names a real end (database, BigQuery, credentials, alerts, Prefect) is replaced, so that a demo never touches one.
    """
    settings = read_settings()
    if not settings.local:
        return settings
    from call_coach_assets.local.stack import local_environment, start_stack

    os.environ.update(local_environment(start_stack()))
    return read_settings()

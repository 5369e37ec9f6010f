"""Where secrets are kept and where they may have gone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from call_coach_assets.sync.postgres import close_pools
from call_coach_assets_tests.cli.conftest import run
from call_coach_assets_tests.recorder import Recorder
from call_coach_assets_tests.security.conftest import Application
from call_coach_assets_tests.security.marked import Places, secret, with_password
from call_coach_assets_tests.warehouse import Warehouse


@dataclass
class Scene:
    """Where secrets are kept and where they may have gone."""

    places: Places
    home: Path
    environment: dict[str, str]

    def call(self, name: str, *arguments: str, status: int, **environment: str | None) -> str:
        """Run a command with other settings; keep what it prints as `name`, and return it."""
        with pytest.MonkeyPatch.context() as changed:
            for variable, value in environment.items():
                changed.delenv(variable) if value is None else changed.setenv(variable, value)
            close_pools()
            shown = run(*arguments)
        self.places.printed[name] = text = shown.stdout + shown.stderr
        assert shown.exit_code == status, (name, text)
        return text


def environment_of(
    application: Application, receivers: dict[str, Recorder], warehouse: Warehouse, home: Path, keys: Path
) -> dict[str, str]:
    """Every setting that holds a secret, marked."""
    at = {name: receiver.url for name, receiver in receivers.items()}
    return {
        "DATABASE_URL": with_password(application.role, "database"),
        "DAGSTER_POSTGRES_URL": with_password(application.dagster, "dagster"),
        "GOOGLE_APPLICATION_CREDENTIALS": str(keys / "key.json"),
        "BIGQUERY_EMULATOR_HOST": warehouse.url,
        "BIGQUERY_PROJECT": warehouse.project,
        "SLACK_WEBHOOK_URL": f"{at['slack']}/services/{quote(secret('slack'), safe='')}",
        "PAGERDUTY_ROUTING_KEY": secret("pagerduty"),
        "PAGERDUTY_EVENTS_URL": at["pagerduty"],
        "PREFECT_API_URL": at["prefect"] + "/api",
        "PREFECT_API_KEY": secret("prefect"),
        "METRICS_PUSH_GATEWAY": with_password(at["gateway"].replace("http://", "http://me@"), "gateway"),
        "METRICS_TEXTFILE": str(home / "metrics.prom"),
        "DAGSTER_HOME": str(home),
        "SYNC_RETRY_SECONDS": "0",
        "SYNC_EXECUTOR": "in_process",
    }

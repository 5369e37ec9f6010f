"""Registers the flow and its deployment at Prefect ahead of any run, and delivers what waits, on request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from call_coach_assets.errors import ConfigurationError
from call_coach_assets.reporting.prefect import objects
from call_coach_assets.reporting.prefect.api import (
    PrefectApi,
    PrefectRefusedError,
    PrefectUnavailableError,
    as_object,
)
from call_coach_assets.reporting.prefect.delivery import Delivery
from call_coach_assets.reporting.prefect.emitter import api_of, only_deliverer, state_folder
from call_coach_assets.reporting.prefect.spool import Backlog, Spool
from call_coach_assets.reporting.prefect.sweep import Sweep
from call_coach_assets.settings import Settings


@dataclass(frozen=True)
class Adopted:
    """The ids that Prefect gave to the flow and to its deployment."""

    flow_id: str
    deployment_id: str


@dataclass(frozen=True)
class Pushed:
    """What a push did: objects delivered now, what waits still, and why it stopped (None where it did not)."""

    delivered: int
    backlog: Backlog
    stopped: str | None


def adopt(settings: Settings) -> Adopted:
    """Register the flow and the deployment, paused, with the schedule that Dagster runs by; again changes nothing.

    Raises ConfigurationError where no Prefect API is configured or the one that is does not take them.
    """
    api = _api(settings)
    try:
        flow = as_object(api.post("/flows/", objects.flow()), "id")
        wanted = objects.deployment(settings.sync_cron, settings.sync_timezone) | {"flow_id": flow["id"]}
        deployment = as_object(api.post("/deployments/", wanted), "id")
    except (PrefectUnavailableError, PrefectRefusedError) as error:
        raise ConfigurationError(
            f"Prefect at {api.url} does not take the flow",
            why=str(error),
            remedy="check that the server runs, that PREFECT_API_URL ends with its /api path, and PREFECT_API_KEY",
        ) from None
    finally:
        api.close()
    return Adopted(flow["id"], deployment["id"])


def push(instance: dg.DagsterInstance, settings: Settings, folder: Path | None = None) -> Pushed:
    """Look once at what happened in Dagster and deliver all that waits, however long it takes.

    Raises ConfigurationError where no Prefect API is configured, sqlite3.Error or OSError where the disk refuses.
    """
    folder = folder or state_folder()
    api, spool = _api(settings), Spool(folder)
    try:
        Sweep(instance, settings, spool, folder).look()
        before = spool.backlog()
        stopped = _drain(spool, api, folder)
        after = spool.backlog()
        delivered = before.waiting + before.refused - after.waiting - after.refused
        return Pushed(delivered, after, stopped)
    finally:
        api.close()
        spool.close()


def _drain(spool: Spool, api: PrefectApi, folder: Path) -> str | None:
    with only_deliverer(folder) as alone:
        if not alone:
            return "another process delivers right now"
        try:
            Delivery(spool, api).drain()
        except PrefectUnavailableError as error:
            spool.failed(str(error))
            return str(error)
    return None


def _api(settings: Settings) -> PrefectApi:
    api = api_of(settings)
    if api is None:
        raise ConfigurationError(
            "PREFECT_API_URL is not set",
            why="run metadata is written to a file only, and nothing waits for a server",
            remedy="set PREFECT_API_URL to the API of a Prefect server (http://host:4200/api) or of a Cloud workspace",
        )
    return api

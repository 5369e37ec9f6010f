"""Figures of each entity for other systems, in Prometheus' format.

They go to a file, which the node exporter's textfile collector reads, and to a push gateway, where these are set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http.client import HTTPException
from urllib.parse import unquote

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway, write_to_textfile
from prometheus_client.exposition import basic_auth_handler, default_handler

from call_coach_assets.redaction import redact, without_credentials
from call_coach_assets.settings import Settings

JOB = "call_coach_sync"
PUSH_SECONDS = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class EntityMetrics:
    """The last sync of one entity. `failed` is None where it was never synced; `checks` maps a check to its verdict."""

    entity: str
    rows_synced: int
    errors_count: int
    duration_seconds: float | None
    checkpoint: datetime | None
    finished_at: datetime | None
    failed: bool | None
    checks: Mapping[str, bool] = field(default_factory=dict)


def registry_of(metrics: Iterable[EntityMetrics], now: datetime) -> CollectorRegistry:
    """The figures as a Prometheus registry; `now` (aware) is what lag is measured from."""
    registry = CollectorRegistry()
    gauges = _gauges(registry)
    verdict = Gauge("call_coach_check_passed", "1 where the check passed", ["entity", "check"], registry=registry)
    for entity in metrics:
        for name, value in _values(entity, now).items():
            if value is not None:
                gauges[name].labels(entity.entity).set(value)
        for check, passed in entity.checks.items():
            verdict.labels(entity.entity, check).set(float(passed))
    return registry


def export(metrics: Iterable[EntityMetrics], settings: Settings, now: datetime) -> None:
    """Write the figures to wherever they are wanted. A receiver that fails is logged and never fails a sync."""
    if settings.metrics_textfile is None and settings.metrics_push_gateway is None:
        return
    registry = registry_of(metrics, now)
    textfile, gateway = settings.metrics_textfile, settings.metrics_push_gateway
    if textfile is not None:
        _told(lambda: write_to_textfile(str(textfile), registry), "written to METRICS_TEXTFILE", settings)
    if gateway is not None:
        _told(lambda: _push(gateway, registry), "pushed to METRICS_PUSH_GATEWAY", settings)


def _told(tell: Callable[[], None], how: str, settings: Settings) -> None:
    try:
        tell()
    except (OSError, ValueError, HTTPException) as error:
        _log.warning("Metrics could not be %s: %s", how, redact(str(error), settings.secrets))


def _push(gateway: str, registry: CollectorRegistry) -> None:
    """Push to http://user:password@host:port, of which user and password go into a header."""
    user, at, _ = gateway.rpartition("://")[2].rpartition("@")
    name, _, password = user.partition(":")
    handler = partial(basic_auth_handler, username=unquote(name), password=unquote(password)) if at else default_handler
    address = without_credentials(gateway)
    push_to_gateway(address, job=JOB, registry=registry, timeout=PUSH_SECONDS, handler=handler)


def _gauges(registry: CollectorRegistry) -> dict[str, Gauge]:
    described = {
        "rows_synced": "Rows that the last sync inserted, updated or deleted",
        "errors_count": "Rows that wait or are dead-lettered",
        "duration_seconds": "How long the last sync took",
        "lag_seconds": "Age of the newest source change that is in Postgres",
        "last_sync_timestamp_seconds": "When the last sync ended, as Unix time",
        "last_sync_failed": "1 where the last sync failed",
    }
    return {name: Gauge(f"call_coach_{name}", text, ["entity"], registry=registry) for name, text in described.items()}


def _values(entity: EntityMetrics, now: datetime) -> dict[str, float | None]:
    return {
        "rows_synced": entity.rows_synced,
        "errors_count": entity.errors_count,
        "duration_seconds": entity.duration_seconds,
        "lag_seconds": (now - entity.checkpoint).total_seconds() if entity.checkpoint else None,
        "last_sync_timestamp_seconds": entity.finished_at.timestamp() if entity.finished_at else None,
        "last_sync_failed": None if entity.failed is None else float(entity.failed),
    }

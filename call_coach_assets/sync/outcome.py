"""How a sync of one entity ended: told to the log, and, where it failed, to `sync_status`."""

from __future__ import annotations

import logging

from call_coach_assets.errors import CallCoachError, EntityLockedError
from call_coach_assets.settings import Settings
from call_coach_assets.sync import sync_status
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.postgres import pool_for, redacted, transaction
from call_coach_assets.sync.result import SyncResult

logger = logging.getLogger(__name__)


def record_failure(entity: Entity, settings: Settings, error: CallCoachError) -> None:
    """Say in `sync_status` that the sync failed, where Postgres can still be reached."""
    logger.error("%s: sync failed: %s", entity.name, redacted(error, settings))
    if isinstance(error, EntityLockedError):
        return  # the sync that holds the lock says how it went
    try:
        with transaction(pool_for(settings), f"recording the failure of {entity.name}") as connection:
            sync_status.record_failure(connection, entity.name, redacted(error, settings))
    except CallCoachError as unreachable:
        logger.warning("%s: the failure could not be recorded: %s", entity.name, redacted(unreachable, settings))


def log_result(result: SyncResult) -> None:
    """Log the figures of a sync in one line, a warning where it was skipped, and each warning of the schema."""
    if result.skipped:
        logger.warning("%s: skipped: %s", result.entity, result.skipped)
        return
    for change in result.schema_changes:
        logger.warning("%s: %s", result.entity, change)
    if result.unchanged_since:
        logger.info("%s: no source table was written since %s: nothing is read", result.entity, result.unchanged_since)
    logger.info(
        "%s: %s: read %d, inserted %d, updated %d, deleted %d, unchanged %d, waiting %d, dead letters %d,"
        " checkpoint %s to %s, in %.1f s (BigQuery %.1f, inbox %.1f, publish %.1f)",
        result.entity, result.status, result.read, result.inserted, result.updated, result.deleted, result.unchanged,
        result.waiting, result.dead_lettered, result.checkpoint_before, result.checkpoint_after,
        result.duration_seconds, result.extract_seconds, result.land_seconds, result.publish_seconds,
    )  # fmt: skip

"""What goes wrong while an entity is synced: an error or a kill at some point, a second sync, a source that moves."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest

from call_coach_assets.errors import EntityLockedError
from call_coach_assets.sync import dead_letters, deletes, links, scopes, sync_status, tombstones, waiting, write
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets.sync.session import EntitySync
from call_coach_assets_tests.model.history import History, tally
from call_coach_assets_tests.model.tiny_source import SourceRow
from call_coach_assets_tests.resilience.conftest import Ends
from call_coach_assets_tests.resilience.crash import crash

BEFORE_LANDING, AFTER_LANDING = "before landing", "after landing"
_STAGES: dict[str, tuple[ModuleType, str]] = {
    "deleting": (deletes, "delete_doomed"),
    "scopes": (scopes, "doom_absent"),
    "burying": (tombstones, "bury_absent"),
    "lifting": (tombstones, "lift"),
    "updating": (write, "update"),
    "inserting": (write, "insert"),
    "lineage": (write, "record_lineage"),
    "linking": (links, "link"),
    "dead letters": (dead_letters, "record"),
    "checkpoint": (sync_status, "advance"),
    "status": (sync_status, "record"),
    "draining": (waiting, "consume"),
}
SEAMS = (BEFORE_LANDING, AFTER_LANDING, *_STAGES)
MOST_MESSAGES = 120  # about as many as Postgres gets in one sync


class Interrupted(Exception):  # noqa: N818 - it is no error of the sync's
    """Ends a sync at a seam."""


def interrupt(history: History, entity: str, seam: str) -> None:
    """Sync an entity and break off at a seam, if the sync comes by it."""
    tally["faults"] += 1
    module, name = _STAGES.get(seam, (write, "insert"))
    stage = getattr(module, name)

    def broken(*given: Any, **named: Any) -> Any:
        if seam in _STAGES:
            raise Interrupted(seam)
        return stage(*given, **named)

    def land(sync: EntitySync) -> None:
        if seam == BEFORE_LANDING:
            raise Interrupted(seam)
        sync.land()
        if seam == AFTER_LANDING:
            raise Interrupted(seam)

    with patch.object(module, name, broken):
        try:
            history.sync(entity, land)
        except Interrupted:
            tally["interrupted"] += 1
    history.application.forget_what_is_gone()


def kill(history: History, entity: str, message: int) -> None:
    """Sync an entity in another process and kill it when Postgres gets that message."""
    tally["faults"] += 1
    close_pools()
    ends = cast(Ends, SimpleNamespace(warehouse=history.ends.warehouse))
    tally[crash(ends, history.ends.settings, entity, number=message).outcome] += 1
    history.application.forget_what_is_gone()


def sync_twice_at_once(history: History, entity: str) -> None:
    """Begin a sync in the midst of another of the same entity: it ends at once."""
    tally["faults"] += 1

    def land(sync: EntitySync) -> None:
        with pytest.raises(EntityLockedError):
            history.sync(entity)
        sync.land()

    history.sync(entity, land)


def sync_while_it_moves(history: History, entity: str, other: str, row: SourceRow, stamp: str) -> None:
    """Between landing and publishing, the source changes and another entity is synced."""
    tally["faults"] += 1

    def land(sync: EntitySync) -> None:
        sync.land()
        history.land(row, stamp)
        if other != entity:
            history.sync(other)

    history.sync(entity, land)

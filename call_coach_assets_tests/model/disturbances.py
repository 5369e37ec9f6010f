"""What goes wrong while an entity is synced: an error or a kill at some point, a second sync, a source that moves."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest

from call_coach_assets.errors import EntityLockedError
from call_coach_assets.sync import dead_letters, deletes, links, scopes, sync_status, tombstones, waiting, write
from call_coach_assets.sync.entity_sync import EntitySync
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets.sync.session import sync_entity
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.faults import FaultProxy
from call_coach_assets_tests.model.history import History, faults
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
ANSWERS = ("429", "500", "503", "cut", "cut in the middle")
STATEMENTS = ("COPY", "LOCK TABLE", "INSERT INTO", "UPDATE", "DELETE FROM", "COMMIT")


class Interrupted(Exception):  # noqa: N818 - it is no error of the sync's
    """Ends a sync at a seam."""


def interrupt(history: History, entity: str, seam: str) -> None:
    """Sync an entity and break off at a seam, if the sync comes by it."""
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
            faults[f"a sync broke off {seam if 'landing' in seam else 'at ' + seam}"] += 1
    history.look_what_is_gone()


def kill(history: History, entity: str, message: int) -> None:
    """Sync an entity in another process and kill it when Postgres gets that message."""
    close_pools()
    ends = cast(Ends, SimpleNamespace(warehouse=history.ends.warehouse))
    outcome = crash(ends, history.ends.settings, entity, number=message).outcome
    assert outcome in {"killed", "finished"}, f"the sync of {entity} {outcome} by itself"
    if outcome == "killed":
        faults["a sync was killed with -9"] += 1
    history.look_what_is_gone()


def answer_badly(history: History, entity: str, fault: str) -> None:
    """Sync an entity while BigQuery fails once, when it is asked for rows: the same run makes it good."""
    with FaultProxy.before_emulator(history.ends.warehouse.url) as source:
        if fault.startswith("cut"):
            source.cut(when=b"/queries", after=200 if fault == "cut in the middle" else 0)
        else:
            source.answer(int(fault), when=b"/queries")
        _sync_through(history, entity, bigquery_emulator_host=source.url)
        faults[f"BigQuery answered {fault}" if fault.isdigit() else f"BigQuery's answer was {fault}"] += source.struck


def cut(history: History, entity: str, statement: str) -> None:
    """Sync an entity while the connection to Postgres is cut at a statement: the same run makes it good."""
    database = history.ends.settings.database_url
    with FaultProxy.before_postgres(database) as target:
        target.cut(when=statement.encode())
        _sync_through(history, entity, DATABASE_URL=target.postgres_url(database))
        faults["a connection to Postgres was cut"] += target.struck
    close_pools()


def _sync_through(history: History, entity: str, **ends: str) -> None:
    settings = settings_for(history.ends.settings.database_url, history.ends.warehouse, **ends)
    sync_entity(history.ends.entities[entity], history.ends.entities, settings, "through a proxy")
    history.look_what_is_gone()


def sync_twice_at_once(history: History, entity: str) -> None:
    """Begin a sync in the midst of another of the same entity: it ends at once."""
    faults["two syncs at once"] += 1

    def land(sync: EntitySync) -> None:
        with pytest.raises(EntityLockedError):
            history.sync(entity)
        sync.land()

    history.sync(entity, land)


def sync_while_it_moves(history: History, entity: str, other: str, row: SourceRow, stamp: str) -> None:
    """Between landing and publishing, the source changes and another entity is synced."""
    faults["the source moved during a sync"] += 1

    def land(sync: EntitySync) -> None:
        sync.land()
        history.land(row, stamp)
        if other != entity:
            history.sync(other)

    history.sync(entity, land)

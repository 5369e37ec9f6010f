"""How the story of the twenty cases is told: the syncs in their order, and a picture of the database after each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from call_coach_assets.errors import CallCoachError
from call_coach_assets.settings import Settings
from call_coach_assets.sync.result import SyncResult
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.oracle import ENTITIES, World, observed
from call_coach_assets_tests.oracle.judge import sync_all
from call_coach_assets_tests.oracle.observe import ids, versions
from call_coach_assets_tests.sync import story
from call_coach_assets_tests.warehouse import Warehouse


@dataclass
class Snapshot:
    """What the database holds at one moment."""

    world: World
    ids: dict[str, dict[Any, str]]
    versions: dict[str, set[tuple[str, str]]]
    images: dict[str, dict[str, Any]]


@dataclass
class Story:
    """The two ends, what each sync said, and what the database held after it."""

    settings: Settings
    warehouse: Warehouse
    results: dict[str, dict[str, SyncResult]] = field(default_factory=dict)
    after: dict[str, Snapshot] = field(default_factory=dict)
    failures: list[CallCoachError] = field(default_factory=list)

    def sync(self, name: str) -> None:
        """Sync everything and remember the outcome as `name`."""
        self.results[name] = sync_all(self.settings, run_id=name)
        with psycopg.connect(self.settings.database_url) as connection:
            self.after[name] = Snapshot(
                observed(connection), ids(connection), versions(connection), _images(connection)
            )


def _images(connection: psycopg.Connection[Any]) -> dict[str, dict[str, Any]]:
    """Every row of every table as JSON, by its id or its pair of ids."""
    key = {"call_opportunities": "call_id::text || opportunity_id"}
    with connection.cursor(row_factory=dict_row) as cursor:
        return {
            entity: {
                row["key"]: row["image"]
                for row in cursor.execute(
                    f"SELECT {key.get(entity, 'id::text')} AS key, to_jsonb({entity}) AS image FROM {entity}"  # type: ignore[arg-type]
                )
            }
            for entity in ENTITIES
        }


def tell(database: str, warehouse: Warehouse) -> Story:
    """A first sync, one without a change, three that fail, one after all changes."""
    told = Story(settings_for(database, warehouse), warehouse)
    story.fill(warehouse)
    told.sync("first")
    with psycopg.connect(database) as connection:
        for number in ("115", "117"):
            story.hang_on(connection, number)
    told.sync("idle")
    story.change(warehouse)
    broken = settings_for(database, warehouse, gong_dataset="nowhere")
    for entity in ("calls", "speakers", "transcripts"):
        with pytest.raises(CallCoachError) as caught:
            sync_all(broken, run_id="broken", order=[entity])
        told.failures.append(caught.value)
    told.sync("last")
    return told


# What goes with call 105 and opportunity 0006 is counted where these are deleted, not among its own.
_CASCADED = {"speakers": 2, "transcripts": 2, "call_opportunities": 1}
_DETACHED = {"emails": 1}


def written(before: Snapshot, after: Snapshot, entity: str) -> tuple[int, int, int]:
    """What differs between two pictures: rows inserted, updated and deleted by the entity's own sync."""
    old, new = before.images[entity], after.images[entity]
    changed = sum(old[key] != new[key] for key in old.keys() & new.keys())
    return (
        len(new.keys() - old.keys()),
        changed - _DETACHED.get(entity, 0),
        len(old.keys() - new.keys()) - _CASCADED.get(entity, 0),
    )

"""One small warehouse for all of this folder, and databases that were synced before it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from call_coach_assets.local.databases import create_database, drop_database
from call_coach_assets.settings import Settings
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.oracle.judge import sync_all
from call_coach_assets_tests.resilience import scene
from call_coach_assets_tests.warehouse import Warehouse

_numbers = count(1)


@dataclass(frozen=True)
class Ends:
    """A warehouse, and how to get a database for it: `fresh` (never synced) or `stale` (synced before the changes)."""

    warehouse: Warehouse
    fresh: Callable[[], Settings]
    stale: Callable[[], Settings]


@pytest.fixture(scope="session")
def ends(postgres_url: str, emulator: str) -> Iterator[Ends]:
    """The warehouse is filled, synced, and then changed, once a session."""
    warehouse = Warehouse(emulator, "coach-resilience")
    scene.fill(warehouse)
    before = create_database(postgres_url, "before_changes", template="application")
    sync_all(settings_for(before, warehouse), run_id="before")
    close_pools()
    scene.change(warehouse)
    made: list[str] = []

    def copy(template: str) -> Settings:
        made.append(f"resilience_{next(_numbers)}")
        return settings_for(create_database(postgres_url, made[-1], template=template), warehouse)

    yield Ends(warehouse, lambda: copy("application"), lambda: copy("before_changes"))
    for name in made:
        drop_database(postgres_url, name)
    warehouse.client.close()  # type: ignore[no-untyped-call]

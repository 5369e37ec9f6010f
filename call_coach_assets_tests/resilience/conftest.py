"""One small warehouse for this folder, and databases in which one entity is behind it and its parents are not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import psycopg
import pytest

from call_coach_assets.local.databases import create_database, drop_database
from call_coach_assets.settings import Settings
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.oracle import World, differences, expected, observed
from call_coach_assets_tests.oracle.judge import source_tables, sync_all
from call_coach_assets_tests.resilience import scene
from call_coach_assets_tests.warehouse import Warehouse

NO_OVERLAP = {"sync_overlap_minutes": 0}  # what a run loses, the next must not find by chance
PARENTS = ("calls", "opportunities")
CHILDREN = ("transcripts", "emails", "call_opportunities")
_numbers = count(1)


class Ends:
    """A warehouse that changed since `before` was synced; `stale` and `fresh` make databases for one entity's sync."""

    def __init__(self, server: str, emulator: str) -> None:
        self.server = server
        self.warehouse = Warehouse(emulator, "coach-resilience")
        self.made: list[str] = []
        scene.fill(self.warehouse)
        before = self.copy("application", "before")
        sync_all(before)
        close_pools()
        scene.change(self.warehouse)
        sync_all(self.copy(_name(before), "parents"), order=[*PARENTS, "speakers"])
        close_pools()
        self.before, self.parents = self.made
        self.world: World = expected(source_tables(self.warehouse))

    def copy(self, template: str, name: str) -> Settings:
        """A copy of a database, and settings that point at it and at the warehouse."""
        self.made.append(f"{name}_{next(_numbers)}")
        database = create_database(self.server, self.made[-1], template=template)
        return settings_for(database, self.warehouse, **NO_OVERLAP)

    def stale(self, entity: str) -> Settings:
        """A database in which `entity` was synced before the changes; its parents are as they are now."""
        return self.copy(self.parents if entity in CHILDREN else self.before, entity)

    def fresh(self, entity: str) -> Settings:
        """A database in which nothing was ever synced, for an entity without parents."""
        assert entity in PARENTS
        return self.copy("application", entity)

    def verdict(self, settings: Settings, entity: str) -> list[str]:
        """What the entity's table holds that the source does not say, and the reverse."""
        with psycopg.connect(settings.database_url) as connection:
            return differences(self.world, observed(connection), entities=[entity])


def _name(settings: Settings) -> str:
    return settings.database_url.rpartition("/")[2]


@pytest.fixture(scope="package")
def ends(postgres_url: str, emulator: str) -> Iterator[Ends]:
    """The two ends, made once for the tests of this folder."""
    made = Ends(postgres_url, emulator)
    yield made
    close_pools()
    for name in made.made:
        drop_database(postgres_url, name)
    made.warehouse.client.close()  # type: ignore[no-untyped-call]

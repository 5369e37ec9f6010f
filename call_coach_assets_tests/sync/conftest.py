"""Ends that outlast a test: a database of a module, and the sample, synced once and copied for whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from call_coach_assets.local.databases import create_database, drop_database
from call_coach_assets.settings import Settings
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets.sync.result import SyncResult
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.oracle import World, expected
from call_coach_assets_tests.oracle.judge import source_tables, sync_all
from call_coach_assets_tests.oracle.world import Tables
from call_coach_assets_tests.sync.inbox import Inbox
from call_coach_assets_tests.warehouse import Warehouse

_numbers = count(1)


@dataclass(frozen=True)
class Sample:
    """The sample at both ends: `database` is synced and must not be written to; `copy` makes one that may."""

    warehouse: Warehouse
    tables: Tables
    world: World
    database: str
    results: dict[str, SyncResult]
    copy: Callable[[], Settings]

    @property
    def settings(self) -> Settings:
        """Settings that point at the synced database."""
        return settings_for(self.database, self.warehouse)


@pytest.fixture(scope="module")
def own_database(postgres_url: str) -> Iterator[str]:
    """The URL of a database that the tests of one module share."""
    name = f"module_{next(_numbers)}"
    yield create_database(postgres_url, name, template="application")
    drop_database(postgres_url, name)


@pytest.fixture
def inbox(database: str) -> Iterator[Inbox]:
    """A database whose inboxes are filled by hand."""
    opened = Inbox(database)
    yield opened
    close_pools()
    opened.close()


@pytest.fixture(scope="session")
def sample(postgres_url: str, sample_warehouse: Warehouse) -> Sample:
    """The sample, synced once a session."""
    tables = source_tables(sample_warehouse)
    database = create_database(postgres_url, "sample", template="application")
    results = sync_all(settings_for(database, sample_warehouse), run_id="first")
    close_pools()

    def copy() -> Settings:
        copied = create_database(postgres_url, f"sample_{next(_numbers)}", template="sample")
        return settings_for(copied, sample_warehouse)

    return Sample(sample_warehouse, tables, expected(tables), database, results, copy)

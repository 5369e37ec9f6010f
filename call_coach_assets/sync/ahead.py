"""Publishing ahead: while the next part of a backfill is read and landed, the last one is published.

BigQuery, dlt and Postgres then work at the same time, and a first sync takes little longer than the slowest of them.
Parts are published in their order, one at a time, and `sync_status` tells of nothing before the last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

from psycopg import sql

from call_coach_assets.settings import Settings
from call_coach_assets.sync.drained import Drained
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.land import Reading
from call_coach_assets.sync.landed_keys import LandedKeys, look
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Pool, transaction
from call_coach_assets.sync.publication import RunInfo, Slice
from call_coach_assets.sync.publish import publish_slices
from call_coach_assets.sync.slices import CONNECTIONS, divisible, slices_of_load

if TYPE_CHECKING:
    import dlt


def part_rows(database: Pool, entity: Entity, entities: Mapping[str, Entity], settings: Settings) -> int | None:
    """How many rows of `entity` are landed and published by themselves, SYNC_PUBLISH_ROWS for each connection.

    None where all are landed first: what an earlier sync left in the inbox may be another version of a row that is read
    now, and all versions have to be there before one is chosen.
    """
    if not divisible(entity, entities):
        return None
    with transaction(database, f"looking into the inbox of {entity.name}") as connection:
        inbox = Names(settings.sync_schema).inbox(entity.name)
        left = connection.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(inbox)).fetchone()
    return CONNECTIONS * settings.sync_publish_rows if left is None else None


class Ahead:
    """Publishes loads one after the other, in a thread of its own."""

    def __init__(
        self, database: Pool, entity: Entity, entities: Mapping[str, Entity], settings: Settings, run: RunInfo
    ) -> None:
        self._database = database
        self._entity = entity
        self._entities = entities
        self._settings = settings
        self._run = run
        self._begun: list[Future[list[Drained]]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")

    def publish(self, loads: Sequence[str], keys: LandedKeys) -> None:
        """Publish what came with `loads`, soon. Raises what an earlier publish has failed with."""
        self._raise_failures()
        for load in loads:
            parts = slices_of_load(self._database, self._entity, self._settings, load, keys)
            self._begun.append(self._thread.submit(self._publish, parts))

    def done(self) -> list[Drained]:
        """Wait for all; what each transaction did. Raises what the first that failed has failed with."""
        return [drained for begun in self._begun for drained in begun.result()]

    def close(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._thread.shutdown(cancel_futures=True)

    def _publish(self, parts: list[Slice]) -> list[Drained]:
        return publish_slices(self._database, self._entity, self._entities, self._settings, self._run, parts=parts)

    def _raise_failures(self) -> None:
        for begun in self._begun:
            if begun.done():
                begun.result()


def land_all(pipeline: dlt.Pipeline, reading: Reading, land: Callable[[], None], ahead: Ahead) -> list[Drained]:
    """Call `land`, which lands the next part of `reading`, until there is none; publish them where they are several."""
    with closing(ahead):  # no transaction outlives the entity's lock
        land()
        known: set[str] = set()
        while reading.more:
            ahead.publish(_new_loads(pipeline, known), look(reading.keys))
            land()
        if known:
            ahead.publish(_new_loads(pipeline, known), look(reading.keys))
        return ahead.done()


def _new_loads(pipeline: dlt.Pipeline, known: set[str]) -> list[str]:
    """The loads that the pipeline has completed since it was asked last."""
    loads = sorted(set(pipeline.list_completed_load_packages()) - known)
    known.update(loads)
    return loads

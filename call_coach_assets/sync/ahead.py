"""Publishing ahead: while the next part of a backfill is read and landed, the last one is published.

BigQuery, dlt and Postgres then work at the same time, and a first sync takes little longer than the slowest of them.
Parts are published in their order, and the next one is begun with as soon as a connection is free. `sync_status` tells
of nothing before the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

from psycopg import sql

from call_coach_assets.settings import Settings
from call_coach_assets.sync.drained import Drained
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.land import Reading
from call_coach_assets.sync.landed_keys import look
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Pool, transaction
from call_coach_assets.sync.publication import RunInfo, Slice
from call_coach_assets.sync.publish import publish_slice
from call_coach_assets.sync.run_record import keep_query
from call_coach_assets.sync.slices import CONNECTIONS, divisible, slices_of_load

if TYPE_CHECKING:
    import dlt
    import pyarrow as pa


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
    """Publishes loads in the order of their landing, CONNECTIONS slices at a time, each in a thread of its own.

    Slices of two loads may be under way at once, and no key is in both; a third load is not begun with.
    """

    def __init__(
        self, database: Pool, entity: Entity, entities: Mapping[str, Entity], settings: Settings, run: RunInfo
    ) -> None:
        self._database = database
        self._entity = entity
        self._entities = entities
        self._settings = settings
        self._run = run
        self._keys: Sequence[pa.RecordBatch] = ()  # of the load that was begun with last
        self._begun: list[list[Future[Drained]]] = []  # by load
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="ahead")

    def publish(self, loads: Sequence[str], keys: Sequence[pa.RecordBatch], *, last: bool) -> None:
        """Publish what came with `loads`, soon; `keys` are those of its rows. Nothing comes after the `last` ones.

        Returns when all but the last two loads are published. Raises what an earlier publish has failed with.
        """
        if not self._begun:
            self._keep_query()
        landed, apart = look(keys), look([*self._keys, *keys]).once
        _results(self._begun[:-1] if apart else self._begun)
        _results([each for each in load if each.done()] for load in self._begun)  # raises what has failed since
        for load in loads:
            parts = slices_of_load(self._database, self._entity, self._settings, load, landed, last=last)
            self._begun.append([self._threads.submit(self._publish, part) for part in parts])
        self._keys = keys

    def done(self) -> list[Drained]:
        """Wait for all; what each transaction did. Raises what the first that failed has failed with."""
        return _results(self._begun)

    def close(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._threads.shutdown(cancel_futures=True)

    def _publish(self, part: Slice) -> Drained:
        return publish_slice(self._database, self._entity, self._entities, self._settings, self._run, part=part)

    def _keep_query(self) -> None:
        with transaction(self._database, f"keeping the query of {self._entity.name}") as connection:
            keep_query(connection, self._entity, Names(self._settings.sync_schema), self._run)


def land_all(pipeline: dlt.Pipeline, reading: Reading, land: Callable[[], None], ahead: Ahead) -> list[Drained]:
    """Call `land`, which lands the next part of `reading`, until there is none; publish them where they are several."""
    with closing(ahead):  # no transaction outlives the entity's lock
        land()
        known: set[str] = set()
        while reading.more:
            ahead.publish(_new_loads(pipeline, known), reading.keys, last=False)
            land()
        if known:
            ahead.publish(_new_loads(pipeline, known), reading.keys, last=True)
        return ahead.done()


def _new_loads(pipeline: dlt.Pipeline, known: set[str]) -> list[str]:
    """The loads that the pipeline has completed since it was asked last."""
    loads = sorted(set(pipeline.list_completed_load_packages()) - known)
    known.update(loads)
    return loads


def _results(loads: Iterable[Iterable[Future[Drained]]]) -> list[Drained]:
    """Wait for slices; what each did. Raises what the first that failed has failed with."""
    return [each.result() for load in loads for each in load]

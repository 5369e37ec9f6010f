"""Landing: what BigQuery answers goes into the entity's inbox, with dlt.

dlt keeps the cursor. Its state travels with the load package, so the cursor never passes what is in the inbox, and it
is restored from Postgres into an empty folder, so any machine can take the next run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Any, cast

from call_coach_assets.errors import StorageError
from call_coach_assets.settings import Settings
from call_coach_assets.sync.dlt_runtime import pipeline_for
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.inbox_schema import CURSOR, dlt_columns, inbox_table
from call_coach_assets.sync.landed_keys import look

if TYPE_CHECKING:
    import dlt
    import pyarrow as pa
    from dlt.common.schema.typing import TColumnSchema
    from dlt.extract.source import DltSource

# Reads what changed since a point in time, or everything where it is None.
Read = Callable[[datetime | None], Iterator["pa.RecordBatch"]]

# dlt spends 6 ms on each item that it is given, whatever its size: batches are handed over together.
_ROWS_PER_ITEM = 10_000
_FIRST_IS_OF = 8


@contextmanager
def open_pipeline(entity: Entity, settings: Settings) -> Iterator[dlt.Pipeline]:
    """The entity's pipeline, in a folder of its own that goes with it.

    A new folder for each run: dlt would load a package that an earlier run left behind alone, and read nothing new.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="call-coach-", ignore_cleanup_errors=True)
    except OSError as error:
        raise StorageError(
            "No temporary folder can be made", why=str(error), remedy="free some disk space, or set TMPDIR"
        ) from error
    with folder as path:
        pipeline = pipeline_for(entity.name, settings, path)
        try:
            yield pipeline
        finally:
            if pipeline.is_active:
                pipeline.deactivate()


class Reading:
    """What one read yields, in parts: each run of the pipeline lands the next one, of at least `part_rows` rows.

    The first is an eighth of that, so that there is something to publish soon, and each is twice as large as the one
    before, up to `part_rows`: little is left to publish when all is read. Without `part_rows` all is one part.
    The cursor moves with the last part only, past all that was read: a read that is cut off is made again from where
    it began, whatever the order in which the rows come.
    """

    def __init__(self, read: Read, part_rows: int | None = None, key: Sequence[str] = ()) -> None:
        self._read = read
        self.part_rows = part_rows
        self.key = key
        self.keys: list[pa.RecordBatch] = []  # the keys of the part that was landed last
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._next: pa.RecordBatch | None = None
        self._newest: datetime | None = None
        self._enough: int | None = None  # how many rows the next part has
        self._whole = False  # whether the part that was landed last is the first

    @property
    def more(self) -> bool:
        """Whether the read has begun, and has a part that was not landed yet."""
        return self._next is not None

    @property
    def settled(self) -> bool:
        """Whether all was landed as one part, beside nothing else, that has each key once and no row without one."""
        return self.part_rows is not None and self._whole and not self.more and look(self.keys).settled

    def part(self, since: datetime | None) -> Iterator[pa.RecordBatch]:
        """The next part; `since` is what the read starts at."""
        self._whole = self._batches is None
        if self._batches is None:
            self._batches = self._read(since)
            self._next = next(self._batches, None)
            self._enough = ceil(self.part_rows / _FIRST_IS_OF) if self.part_rows else None
        enough, rows, self.keys = self._enough, 0, []
        while self._next is not None and (enough is None or rows < enough):
            batch, self._next = self._next, next(self._batches, None)
            rows += batch.num_rows
            if enough is not None:
                self.keys.append(batch.select(list(self.key)))
            yield batch
        if enough and self.part_rows:
            self._enough = min(2 * enough, self.part_rows)

    def hold(self, state: dict[str, Any], before: datetime | None) -> None:
        """Set dlt's cursor after a part: to where it was while there is more, else to the newest of all parts."""
        newest = state["last_value"]
        self._newest = max((stamp for stamp in (self._newest, newest) if stamp is not None), default=None)
        state["last_value"] = before if self.more else self._newest


def source_for(entity: Entity, settings: Settings, reading: Reading) -> DltSource:
    """The dlt source of the entity: one resource, called as its inbox, that appends the next part of `reading`.

    The cursor is the newest `_cursor` landed; a read starts `sync_overlap_minutes` before it, at `>=`, and keeps no
    hashes of rows that it has seen: what comes twice is recognised by the publish.
    """
    import dlt

    @dlt.resource(
        name=inbox_table(entity),
        write_disposition="append",
        columns=cast("dict[str, TColumnSchema]", dlt_columns(entity)),
        schema_contract={"tables": "evolve", "columns": "freeze", "data_type": "freeze"},
        file_format="parquet",
    )
    def rows(
        cursor: dlt.sources.incremental[datetime] = dlt.sources.incremental(  # noqa: B008 - how dlt declares one
            CURSOR,
            lag=settings.sync_overlap_minutes * 60.0,
            primary_key=(),
            on_cursor_value_missing="include",
            allow_external_schedulers=False,
        ),
    ) -> Iterator[pa.Table]:
        state = dlt.current.resource_state()["incremental"][CURSOR]
        before = state["last_value"]
        yield from _together(reading.part(cursor.start_value))
        reading.hold(state, before)

    @dlt.source(name=f"call_coach_{entity.name}", section="call_coach")
    def source() -> object:
        return rows

    return source()


def _together(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches as tables of at least _ROWS_PER_ITEM rows, the last one excepted."""
    import pyarrow as pa

    pending: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        pending.append(batch)
        rows += batch.num_rows
        if rows >= _ROWS_PER_ITEM:
            yield pa.Table.from_batches(pending)
            pending, rows = [], 0
    if pending:
        yield pa.Table.from_batches(pending)

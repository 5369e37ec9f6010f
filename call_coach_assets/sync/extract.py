"""Extraction: what changed in BigQuery since a cursor, then what is to be read again, as conformed batches.

Batches hold exactly SYNC_BATCH_SIZE rows, the last one excepted, and never none: an empty batch leaves dlt with a
package that fails for ever.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from call_coach_assets.settings import Settings
from call_coach_assets.sync.bigquery import Answer, Parameter, run_query
from call_coach_assets.sync.entity import Entity

if TYPE_CHECKING:
    import pyarrow as pa
    from google.cloud.bigquery import Client

    from call_coach_assets.sync.adapt import AdaptedQuery
    from call_coach_assets.sync.bookkeeping import Refetch

logger = logging.getLogger(__name__)

FROM_THE_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_NEVER = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
_KEYS_PER_QUERY = 5000


@dataclass
class Extraction:
    """One reading of an entity; its figures grow while `batches` is read. Seconds are of BigQuery and of casting."""

    entity: Entity
    settings: Settings
    client: Client
    query: AdaptedQuery
    run_id: str
    refetch: Sequence[Refetch] = ()
    full_refresh: bool = False
    extra_types: Mapping[str, str] = field(default_factory=dict)  # Postgres' types of what was added to the target
    rows: int = 0
    bytes_processed: int = 0
    bytes_billed: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def batches(self, since: datetime | None) -> Iterator[pa.RecordBatch]:
        """Everything stamped at or after `since`, or all there is where that is None or the refresh is full.

        Raises the SourceError family while it is read.
        """
        self.rows = 0
        for batch in self._timed(rechunk(self._read(since), self.settings.sync_batch_size)):
            self.rows += batch.num_rows
            yield batch
        logger.info("%s: read %d rows in %.1f s", self.entity.name, self.rows, self.seconds)

    def _read(self, since: datetime | None) -> Iterator[pa.RecordBatch]:
        from call_coach_assets.sync.conform import conform, restrict_cursor

        start = FROM_THE_BEGINNING if since is None or self.full_refresh else since
        logger.info("%s: reading what changed since %s", self.entity.name, start.isoformat())
        answer = self._ask(self.query.sql, {"cursor": start})
        for batch in answer.batches:
            yield restrict_cursor(conform(batch, self.entity, self.extra_types), since, answer.started_at)
        self.warnings += answer.warnings
        for column, keys in _chunks(self.refetch):
            logger.info("%s: reading %d keys of %s again", self.entity.name, len(keys), column)
            answer = self._ask(self.query.by_key(column), {"cursor": _NEVER, "keys": keys})
            for batch in answer.batches:
                yield restrict_cursor(conform(batch, self.entity, self.extra_types), _NEVER, answer.started_at)

    def _ask(self, sql: str, parameters: Mapping[str, Parameter]) -> Answer:
        answer = run_query(
            self.client,
            sql,
            {"company_domains": self.settings.domains, **parameters},
            self.settings,
            what=f"Reading {self.entity.name} from BigQuery",
            labels={"application": "call-coach", "entity": self.entity.name, "run_id": self.run_id},
        )
        self.bytes_processed += answer.bytes_processed
        self.bytes_billed += answer.bytes_billed
        return answer

    def _timed(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        while True:
            started = time.perf_counter()
            batch = next(batches, None)
            self.seconds += time.perf_counter() - started
            if batch is None:
                return
            yield batch


def rechunk(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of exactly `size` rows, the last one excepted; none is empty."""
    pending: list[pa.RecordBatch] = []
    missing = size
    for batch in batches:
        start = 0
        while batch.num_rows - start >= missing:
            pending.append(batch.slice(start, missing))
            yield _joined(pending)
            start, missing, pending = start + missing, size, []
        if start < batch.num_rows:
            pending.append(batch.slice(start))
            missing -= batch.num_rows - start
    if pending:
        yield _joined(pending)


def _joined(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    import pyarrow as pa

    return parts[0] if len(parts) == 1 else pa.concat_batches(parts)


def _chunks(refetch: Iterable[Refetch]) -> Iterator[tuple[str, list[str]]]:
    """The keys to read again, by their column and by the number that one query takes."""
    by_column: dict[str, list[str]] = {}
    for entry in refetch:
        by_column.setdefault(entry.column, []).append(entry.key)
    for column, keys in by_column.items():
        remaining = iter(keys)
        while chunk := list(islice(remaining, _KEYS_PER_QUERY)):
            yield column, chunk

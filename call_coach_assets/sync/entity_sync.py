"""A sync of one entity under way: what it has opened and found out, and the steps that it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from call_coach_assets.settings import Settings
from call_coach_assets.sync.ahead import Ahead, land_all
from call_coach_assets.sync.drained import Drained
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.evolution import Evolution
from call_coach_assets.sync.extract import Extraction
from call_coach_assets.sync.land import Reading, source_for
from call_coach_assets.sync.postgres import pool_for
from call_coach_assets.sync.publish import RunInfo, publish
from call_coach_assets.sync.result import SyncResult
from call_coach_assets.sync.source_answers import Question

if TYPE_CHECKING:
    import dlt
    from dlt.extract.source import DltSource


@dataclass
class EntitySync:
    """A sync under way. Where `skipped` says why there is nothing to do, there is no pipeline and no publish.

    Where `unchanged_since` says since when the source is as it was read before, there is no pipeline either.
    """

    entity: Entity
    entities: Mapping[str, Entity]
    settings: Settings
    run_id: str
    skipped: str | None = None
    unchanged_since: datetime | None = None
    question: Question | None = None  # what is read, and from which state of the tables
    started: float = field(default_factory=time.monotonic)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    evolution: Evolution = field(init=False)
    extraction: Extraction = field(init=False)
    reading: Reading = field(init=False)
    pipeline: dlt.Pipeline = field(init=False)

    @property
    def source(self) -> DltSource:
        """The source of the next part: all that changed, where that is not much."""
        return source_for(self.entity, self.settings, self.reading)

    def land(self) -> None:
        """Run the pipeline: read what changed, or the next part of it, and land it in the inbox."""
        self.pipeline.run(self.source)

    def land_all(self, land: Callable[[EntitySync], None]) -> list[Drained]:
        """Land one part after the other, and publish all but the last meanwhile; nothing where nothing can be new."""
        if self.unchanged_since:
            return []
        ahead = Ahead(pool_for(self.settings), self.entity, self.entities, self.settings, self._run_info())
        return land_all(self.pipeline, self.reading, lambda: land(self), ahead)

    def publish(self, ahead: Sequence[Drained] = ()) -> SyncResult:
        """Bring the application's table in line with what was landed, and say what the whole sync did."""
        landed = time.monotonic()
        load_ids = () if self.unchanged_since else tuple(self.pipeline.list_completed_load_packages())
        reading = self.extraction
        run = replace(
            self._run_info(),
            load_ids=load_ids,
            refetched=tuple(reading.refetch),
            refilled=self.evolution.refill,
            bytes_processed=reading.bytes_processed,
            bytes_billed=reading.bytes_billed,
            settled=self.reading.settled,
            answered=self.question,
        )
        done = publish(pool_for(self.settings), self.entity, self.entities, self.settings, run, ahead=ahead)
        return SyncResult(
            entity=self.entity.name,
            run_id=self.run_id,
            unchanged_since=self.unchanged_since,
            load_id=load_ids[-1] if load_ids else None,
            read=reading.rows,
            bytes_processed=reading.bytes_processed,
            bytes_billed=reading.bytes_billed,
            extract_seconds=reading.seconds,
            land_seconds=max(0.0, landed - self.started - reading.seconds),
            duration_seconds=time.monotonic() - self.started,
            schema_changes=self.evolution.warnings,
            **{**asdict(done), "warnings": (*self.evolution.warnings, *reading.warnings, *done.warnings)},
        )

    def _run_info(self) -> RunInfo:
        """What is known of the run before it has read anything."""
        return RunInfo(
            run_id=self.run_id,
            query_sha256=self.entity.query_sha256,
            query=self.entity.query,
            unfed_columns=frozenset(self.extraction.query.unfed_columns),
            started_at=self.started_at,
        )

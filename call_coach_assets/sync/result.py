"""What one sync of one entity did: the figures that the terminal, the metadata and the metrics show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class SyncResult:
    """Counts are rows; durations are seconds; timestamps are aware UTC datetimes."""

    entity: str
    run_id: str
    skipped: str | None = None  # why nothing was done, where the entity's base table is optional and absent
    unchanged_since: datetime | None = None  # when its tables were written last, where nothing was read again
    load_id: str | None = None  # dlt's id of the last load package, None where nothing was read
    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    waiting: int = 0  # rows that wait in the inbox for their parent, of this and of earlier runs
    dead_lettered: int = 0  # open dead letters of the entity, of this and of earlier runs
    row_count: int | None = None  # rows of the target table afterwards, where the checks have counted them
    checkpoint_before: datetime | None = None
    checkpoint_after: datetime | None = None
    bytes_processed: int = 0
    bytes_billed: int = 0
    duration_seconds: float = 0.0
    extract_seconds: float = 0.0
    land_seconds: float = 0.0
    publish_seconds: float = 0.0
    attempts: int = 1
    warnings: tuple[str, ...] = ()  # what the operator should know, one line each
    schema_changes: tuple[str, ...] = ()  # those of them that say how the source's columns differ from what they were

    @property
    def rows_synced(self) -> int:
        """Rows that the run wrote: `sync_status.items_synced`."""
        return self.inserted + self.updated + self.deleted

    @property
    def errors_count(self) -> int:
        """Rows that could not be synced yet: `sync_status.errors_count`."""
        return self.waiting + self.dead_lettered

    @property
    def status(self) -> str:
        """`sync_status.last_sync_status`: success, or partial where rows wait or are dead-lettered."""
        return "partial" if self.errors_count else "success"

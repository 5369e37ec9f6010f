"""One run of every kind, as the tests of Prefect's metadata share them."""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster._core.storage.dagster_run import RunRecord


@dataclass(frozen=True)
class History:
    """An instance on disk and the ids of its runs."""

    home: Path
    instance: dg.DagsterInstance
    succeeded: str
    partly_failed: str
    retried: str
    canceled: str
    killed: str

    @property
    def runs(self) -> tuple[str, ...]:
        """All of them, in the order in which they were created."""
        return (self.succeeded, self.partly_failed, self.retried, self.canceled, self.killed)

    def record(self, run_id: str) -> RunRecord:
        """The record of a run."""
        record = self.instance.get_run_record_by_id(run_id)
        assert record is not None
        return record

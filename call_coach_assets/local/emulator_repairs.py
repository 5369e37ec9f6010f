"""Where the emulator differs from BigQuery in what this project relies on, put right in our own server process.

- `tables.get` follows every change: row count and time of modification after DML, columns after ALTER TABLE.
- `ARRAY_AGG(DISTINCT x IGNORE NULLS ORDER BY x)` is translated.
- No copy of a table is kept for time travel after each change to it: nothing here reads one.
- DuckDB's extension for geography, which would be downloaded, is not loaded.
- Results of all but the latest jobs are forgotten, so that a server that runs for days does not grow.

It replaces private names of bqemulator 1.4; a test fails where a newer release no longer has them.
"""

from __future__ import annotations

import re
from typing import Any

from bqemulator.api.dependencies import AppContext
from bqemulator.api.routes import jobs
from bqemulator.catalog import ddl_sync
from bqemulator.domain.events import TableDataChanged
from bqemulator.jobs import executor
from bqemulator.sql.rewriter import aggregate_variants
from bqemulator.storage.engine import DuckDBEngine
from bqemulator.storage.sql_identifiers import quoted_table_ref
from bqemulator.versioning.snapshots import SnapshotManager
from sqlglot import exp

from call_coach_assets.local.emulator_speed import replace

_KEPT_RESULTS = 64
_ALTERED = re.compile(r"\s*ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?`?([\w.`-]+)", re.IGNORECASE)


def repair() -> None:
    """Put the repairs in place, once for the process."""
    replace(SnapshotManager, "record_change", lambda _: _record_change)
    replace(DuckDBEngine, "_load_spatial", lambda _: _load_nothing)
    replace(aggregate_variants, "_filter_target", lambda _: _value_of_aggregate)
    replace(executor, "sync_dropped_object", lambda _: _sync_dropped_or_altered)
    results = _Latest()
    for module in (executor, jobs):
        replace(module, "JOB_RESULTS", lambda _: results)


def _record_change(self: Any, project_id: str, dataset_id: str, table_id: str) -> None:
    """Stands in for SnapshotManager.record_change, which every write ends with."""
    table = self._catalog.get_table(project_id, dataset_id, table_id)
    if table is not None:
        reference = quoted_table_ref(project_id, dataset_id, table_id)
        (count,) = self._engine.execute(f"SELECT count(*) FROM {reference}").fetchone()  # noqa: S608 - quoted
        changed = {"num_rows": count, "last_modified_time": self._clock.now()}
        self._catalog.update_table(table.model_copy(update=changed))
    self._events.publish(TableDataChanged(project_id, dataset_id, table_id))


def _load_nothing(_engine: Any) -> None:
    """Stands in for DuckDBEngine._load_spatial."""


def _value_of_aggregate(operand: exp.Expression) -> exp.Expression:
    """Stands in for aggregate_variants._filter_target: the value below ORDER BY, LIMIT and DISTINCT."""
    while isinstance(operand, exp.Order | exp.Limit | exp.Distinct):
        operand = operand.expressions[0] if isinstance(operand, exp.Distinct) else operand.this
    return operand


def _sync_dropped_or_altered(statement: str, project_id: str, context: AppContext) -> None:
    """Stands in for executor.sync_dropped_object, the last step of every statement."""
    altered = _ALTERED.match(statement)
    if altered is None:
        ddl_sync.sync_dropped_object(statement, project_id, context)
        return
    path = altered[1].replace("`", "").split(".")
    project, dataset, name = path if len(path) == 3 else [project_id, *path]
    table = context.catalog.get_table(project, dataset, name)
    if table is not None:
        columns = ddl_sync._introspect_schema(project, dataset, name, context)
        changed = {"schema_": columns, "last_modified_time": context.clock.now()}
        context.catalog.update_table(table.model_copy(update=changed))


class _Latest(dict[str, Any]):
    """Stands in for executor.JOB_RESULTS: the results of the latest jobs."""

    def __setitem__(self, job: str, result: Any) -> None:
        super().__setitem__(job, result)
        if len(self) > _KEPT_RESULTS:
            del self[next(iter(self))]

"""What a check says: passed or not, how bad that is, in a sentence, with the figures behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Figure = int | float | str | bool


class CheckName(StrEnum):
    """Every check that an entity has."""

    UNPUBLISHED_ROWS = "unpublished_rows"
    SOURCE_SCHEMA = "source_schema"
    ROW_COUNT_DELTA = "row_count_delta"
    UNIQUE_KEYS = "unique_keys"
    REFERENTIAL_INTEGRITY = "referential_integrity"
    REQUIRED_NULLS = "required_nulls"
    CHECKPOINT_SANITY = "checkpoint_sanity"
    DATA_FRESHNESS = "data_freshness"
    FIVETRAN_LAG = "fivetran_lag"
    COST = "cost"
    FIDELITY = "fidelity"


MEANINGS: dict[CheckName, str] = {
    CheckName.UNPUBLISHED_ROWS: "No row waits for its parent and none is dead-lettered. Waiting rows are tried again by"
    " every run; dead letters need the source, or the mapping, to be corrected: `call-coach dead-letters` lists them.",
    CheckName.SOURCE_SCHEMA: "The source tables have the columns that the mapping knows. A new column is carried along;"
    " one that is gone is no longer filled, and its target column stays as it is.",
    CheckName.ROW_COUNT_DELTA: "Both ends hold the same number of rows, counted by the query's own filter, rows that"
    " changed since the read and rows that wait left aside. A reconcile finds and repairs what differs.",
    CheckName.UNIQUE_KEYS: "No source row is there twice. A duplicate was written by something other than the sync.",
    CheckName.REFERENTIAL_INTEGRITY: "Every reference of a row leads to its parent; the application's foreign keys were"
    " dropped or disabled where this fails.",
    CheckName.REQUIRED_NULLS: "Required columns are filled no less than they were at the last run.",
    CheckName.CHECKPOINT_SANITY: "The checkpoint is not in the future and has not moved backwards.",
    CheckName.DATA_FRESHNESS: "The newest change in Postgres is the newest in BigQuery, or less than the promise old.",
    CheckName.FIVETRAN_LAG: "Fivetran has written to the source tables lately. Where this fails it is Fivetran that is"
    " late, not the sync.",
    CheckName.COST: "A month of runs like the last ones stays within MONTHLY_COST_BUDGET_USD.",
    CheckName.FIDELITY: "The last comparison of all keys and columns found both ends equal, or repaired what differed,"
    " and is not overdue. `call-coach reconcile ENTITY` compares now.",
}


@dataclass(frozen=True)
class Verdict:
    """One check's outcome; `severe` says that data is wrong now, not merely that somebody should look."""

    check: CheckName
    passed: bool
    says: str
    severe: bool = False
    figures: Mapping[str, Figure] = field(default_factory=dict)

"""What is read from BigQuery, in which batches, and what of it may move the cursor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pyarrow as pa
import pytest

from call_coach_assets.settings import Settings, read_settings
from call_coach_assets.sync.adapt import AdaptedQuery
from call_coach_assets.sync.bigquery import client_for
from call_coach_assets.sync.bookkeeping import Refetch
from call_coach_assets.sync.extract import Extraction, rechunk
from call_coach_assets_tests.sync.widgets import NOON, widgets

HOUR = timedelta(hours=1)
ROWS = """
WITH widget AS (
  SELECT CONCAT('row ', n) AS a_text, TIMESTAMP_ADD(TIMESTAMP '2025-03-01 12:00:00+00', INTERVAL n HOUR) AS _changed_at
  FROM UNNEST(GENERATE_ARRAY(0, 24)) AS n
  UNION ALL SELECT 'without a stamp', NULL
  UNION ALL SELECT 'from the future', TIMESTAMP '9000-01-01 00:00:00+00'
)
SELECT w.a_text, w._changed_at FROM widget AS w
"""


@dataclass
class Query:
    """An adapted query made by hand."""

    sql: str = ROWS + "WHERE w._changed_at >= @cursor OR w._changed_at IS NULL"

    def by_key(self, column: str) -> str:
        return ROWS + f"WHERE w.{column} IN UNNEST(@keys) AND @cursor > TIMESTAMP '9999-12-31'"


@pytest.fixture
def settings(emulator: str) -> Settings:
    return read_settings(_env_file=None, bigquery_emulator_host=emulator, sync_batch_size=10)


def extract(
    settings: Settings, since: datetime | None, refetch: Sequence[Refetch] = (), *, full: bool = False
) -> tuple[Extraction, list[pa.RecordBatch]]:
    with closing(client_for(settings)) as client:
        query = cast(AdaptedQuery, Query())
        extraction = Extraction(widgets(), settings, client, query, "run", refetch, full_refresh=full)
        return extraction, list(extraction.batches(since))


def rows_of(batches: list[pa.RecordBatch]) -> dict[str, datetime | None]:
    """Each row's cursor."""
    return {row["a_text"]: row["_cursor"] for batch in batches for row in batch.to_pylist()}


@pytest.mark.covers("P4", "P23")
def test_a_first_read_is_of_everything_in_batches_of_the_size_that_is_set(settings: Settings) -> None:
    extraction, batches = extract(settings, None)
    assert [batch.num_rows for batch in batches] == [10, 10, 7]
    assert extraction.rows == 27
    assert extraction.seconds > 0
    rows = rows_of(batches)
    assert rows["row 0"] == NOON
    assert rows["without a stamp"] is rows["from the future"] is None


@pytest.mark.covers("P5")
def test_a_later_read_starts_at_the_cursor_and_keeps_rows_without_a_stamp(settings: Settings) -> None:
    _, batches = extract(settings, NOON + 23 * HOUR)
    assert set(rows_of(batches)) == {"row 23", "row 24", "without a stamp", "from the future"}


def test_a_full_refresh_reads_what_lies_before_the_cursor_and_leaves_it_there(settings: Settings) -> None:
    _, batches = extract(settings, NOON + 23 * HOUR, full=True)
    rows = rows_of(batches)
    assert len(rows) == 27
    assert rows["row 22"] is None
    assert rows["row 23"] == NOON + 23 * HOUR


def test_what_is_to_be_read_again_is_asked_for_by_key_and_never_moves_the_cursor(settings: Settings) -> None:
    wanted = [Refetch("a_text", f"row {number}", datetime.now(UTC)) for number in (3, 5, 99)]
    extraction, batches = extract(settings, NOON + 24 * HOUR, wanted)
    rows = rows_of(batches)
    assert (rows["row 3"], rows["row 5"], rows["row 24"]) == (None, None, NOON + 24 * HOUR)
    assert extraction.rows == len(rows) == 5


@pytest.mark.parametrize("sizes", [[], [3], [4], [1, 2, 3, 4, 5], [9, 1], [8, 0, 3]])
def test_batches_are_cut_and_joined_to_one_size_without_an_empty_one(sizes: list[int]) -> None:
    numbers = iter(range(100))

    def batches() -> Iterator[pa.RecordBatch]:
        for size in sizes:
            yield pa.record_batch({"n": pa.array([next(numbers) for _ in range(size)], pa.int64())})

    cut: list[Any] = list(rechunk(batches(), 4))
    assert [n for batch in cut for n in batch["n"].to_pylist()] == list(range(sum(sizes)))
    assert [batch.num_rows for batch in cut] == [4] * (sum(sizes) // 4) + [sum(sizes) % 4] * bool(sum(sizes) % 4)

"""What was said on calls, any number of them: as BigQuery has it, and as the extraction hands it over.

Each call has 100 monologues of one to four sentences by four speakers, and calls are two hours apart: the rows that an
overlap of one hour reads again do not become more with the table.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from call_coach_assets.local.sample_draft import SENTENCES, TOPICS
from call_coach_assets.local.sample_schema import SOURCE_SCHEMAS
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.inbox_schema import arrow_schema

MONOLOGUES = 100
SPEAKERS = 4
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
_STEP = timedelta(hours=2)
_CALLS_PER_BATCH = 10
_ARROW = {"STRING": pa.string(), "INT64": pa.int64(), "BOOL": pa.bool_(), "TIMESTAMP": pa.timestamp("us", "UTC")}

Row = dict[str, Any]


def calls_of(rows: int) -> int:
    """How many calls `rows` transcript rows are. Raises ValueError where they are no whole number of calls."""
    calls, rest = divmod(rows, MONOLOGUES)
    if rest or not calls:
        raise ValueError(f"{rows} rows are no whole number of calls: give a multiple of {MONOLOGUES}")
    return calls


def stamp_of(call: int) -> datetime:
    """When the rows of a call landed."""
    return FIRST + call * _STEP


def call_id(call: int) -> str:
    """Gong's id of a call."""
    return str(7_012_345_678_900_000_000 + call)


def source_transcripts(calls: range) -> pa.Table:
    """`gong.transcript` of these calls."""
    schema = SOURCE_SCHEMAS["gong.transcript"]
    rows = [_as_landed(call, index, said, topic) for call, index, said, topic in _monologues(calls)]
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, _ARROW[kind]) for name, kind in schema.items()]))


def conformed_transcripts(calls: int, entity: Entity) -> Iterator[pa.RecordBatch]:
    """The same as the extraction yields it: batches of 1,000 rows in the inbox's shape."""
    for first in range(0, calls, _CALLS_PER_BATCH):
        monologues = _monologues(range(first, min(first + _CALLS_PER_BATCH, calls)))
        rows = [_as_read(call, index, said, topic) for call, index, said, topic in monologues]
        yield pa.RecordBatch.from_pylist(rows, schema=arrow_schema(entity))


def conformed_calls(calls: int, entity: Entity) -> Iterator[pa.RecordBatch]:
    """The calls themselves."""
    rows = [
        {"gong_call_id": call_id(n), "title": f"Call {n}", "scheduled_at": stamp_of(n), "date": stamp_of(n).date(),
         "processed_at": stamp_of(n), "duration_seconds": 1800, "prefect_reps": "[]", "metadata": "{}", **_said_of(n)}
        for n in range(calls)
    ]  # fmt: skip
    yield pa.RecordBatch.from_pylist(rows, schema=arrow_schema(entity))


def conformed_speakers(calls: int, entity: Entity) -> Iterator[pa.RecordBatch]:
    """The speakers of the calls."""
    rows = [
        {"gong_call_id": call_id(n), "gong_speaker_id": _speaker_id(n, place), "name": f"Speaker {place}",
         "email": f"speaker{place}@call{n}.example", "company_side": place == 0, "talk_time_seconds": 450,
         "talk_time_percentage": "25", **_said_of(n)}
        for n in range(calls) for place in range(SPEAKERS)
    ]  # fmt: skip
    yield pa.RecordBatch.from_pylist(rows, schema=arrow_schema(entity))


def _monologues(calls: range) -> Iterator[tuple[int, int, list[Row], str]]:
    for call in calls:
        chance = random.Random(call)  # noqa: S311 - made up, no secret
        start = 0
        for index in range(MONOLOGUES):
            said = []
            for text in chance.choices(SENTENCES, k=1 + chance.randrange(4)):
                said.append({"start": start, "end": start + 60 * len(text), "text": text})
                start += 60 * len(text) + 250
            yield call, index, said, TOPICS[index * len(TOPICS) // MONOLOGUES]


def _as_landed(call: int, index: int, said: list[Row], topic: str) -> Row:
    return {
        "call_id": call_id(call),
        "index": index,
        "workspace_id": "3301",
        "speaker_id": _speaker_id(call, index % SPEAKERS),
        "topic": topic,
        "sentence": json.dumps(said),
        "_fivetran_synced": stamp_of(call),
        "_fivetran_deleted": False,
    }


def _as_read(call: int, index: int, said: list[Row], topic: str) -> Row:
    start, end = said[0]["start"], said[-1]["end"]
    about = {"start_ms": start, "end_ms": end, "duration_ms": end - start, "topic": topic}
    return {
        "gong_call_id": call_id(call),
        "gong_speaker_id": _speaker_id(call, index % SPEAKERS),
        "sequence_number": index,
        "text": " ".join(sentence["text"] for sentence in said),
        "start_time_ms": start,
        "topics": json.dumps([topic]),
        "chunk_metadata": json.dumps(about, separators=(",", ":")),
        **_said_of(call),
    }


def _speaker_id(call: int, place: int) -> str:
    return str(5_500_000_000_000_000_000 + call * SPEAKERS + place)


def _said_of(call: int) -> Row:
    stamp = stamp_of(call)
    return {"_changed_at": stamp, "_cursor": stamp, "_deleted": False, "_warnings": "[]"}

"""The same rows in every shape in which a contestant takes them, made once for each number of rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pyarrow as pa

from call_coach_assets.sync.declarations import load_entities
from call_coach_assets_bench import rows as made
from call_coach_assets_bench.ends import Ends
from call_coach_assets_bench.jobs import project
from call_coach_assets_bench.jobs.loaders import COLUMNS

_EACH = "id::text, call_id::text, speaker_id::text, sequence_number, start_time_ms, text, topics, chunk_metadata::text"
_TYPES = {"sequence_number": pa.int32(), "start_time_ms": pa.int32(), "topics": pa.list_(pa.string())}


@dataclass(frozen=True)
class Material:
    """Files of the same rows, and the database in which they find their calls and speakers."""

    rows: int
    parents: str  # the template: the application's tables, with the calls and speakers of the rows
    conformed: Path  # Arrow, as the extraction yields it
    binary: Path  # what COPY … (FORMAT binary) takes
    halves: tuple[Path, Path]  # the same in two files, each with all rows of its calls
    finished: Path  # Arrow, as the application's table has it; UUIDs and JSON as text


def parents(ends: Ends, rows: int) -> str:
    """A template with the calls and speakers that `rows` transcript rows belong to; the project itself loads them."""
    calls = made.calls_of(rows)

    def fill(url: str) -> None:
        entities, settings = load_entities(), project.settings_of(url)
        for name, batches in (("calls", made.conformed_calls), ("speakers", made.conformed_speakers)):
            project.load_batches(settings, entities, entities[name], list(batches(calls, entities[name])))

    return ends.template(f"parents_{rows}", fill)


def material(ends: Ends, rows: int) -> Material:
    """Make the material; the finished rows are taken from a table into which the project has loaded them."""
    names = ("conformed.arrow", "copy.bin", "even.bin", "odd.bin", "finished.arrow")
    conformed, binary, even, odd, finished = (ends.folder / f"{name}_{rows}" for name in names)
    found = Material(rows, parents(ends, rows), conformed, binary, (even, odd), finished)
    if not found.finished.exists():
        entity = load_entities()["transcripts"]
        _write(found.conformed, made.conformed_transcripts(made.calls_of(rows), entity))
        with ends.database(found.parents) as url:
            with project.load(url, str(found.conformed)) as work:
                work()
            _take(url, found)
    return found


def _take(url: str, target: Material) -> None:
    even = "WHERE hashtext(call_id::text) & 1 = 0"
    with psycopg.connect(url) as connection:
        for file, rows in zip((target.binary, *target.halves), ("", even, even.replace("= 0", "= 1")), strict=True):
            query = f"SELECT {COLUMNS} FROM transcripts {rows}"  # noqa: S608 - constants
            with (
                file.open("wb") as written,
                connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as out,
            ):
                for data in out:
                    written.write(data)
        cursor = connection.cursor("rows")
        cursor.execute(f"SELECT {_EACH} FROM transcripts")  # noqa: S608 - a constant
        schema = pa.schema([(name, _TYPES.get(name, pa.string())) for name in COLUMNS.split(", ")])
        _write(target.finished, _batches(cursor, schema))


def _batches(cursor: psycopg.ServerCursor[tuple[object, ...]], schema: pa.Schema) -> Iterable[pa.RecordBatch]:
    while page := cursor.fetchmany(10_000):
        columns = zip(zip(*page, strict=True), schema, strict=True)
        yield pa.record_batch([pa.array(values, field.type) for values, field in columns], schema=schema)


def _write(file: Path, batches: Iterable[pa.RecordBatch]) -> None:
    remaining = iter(batches)
    first = next(remaining)
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, first.schema) as writer:
        writer.write_batch(first)
        for batch in remaining:
            writer.write_batch(batch)

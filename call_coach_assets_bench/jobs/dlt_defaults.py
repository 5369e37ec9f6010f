"""dlt as one would write it from its tutorial, into tables of its own: never into the application's."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import dlt
import pyarrow as pa

from call_coach_assets.local.sample_load import emulator_client
from call_coach_assets_bench.ends import DATASETS
from call_coach_assets_bench.launch import Work
from call_coach_assets_bench.measure import Facts

DATASET = "plain"
TABLE = "transcript"
_ROWS_PER_ITEM = 1000


@contextmanager
def row_dicts(url: str, file: str) -> Iterator[Work]:
    """Rows in memory as dictionaries, appended."""
    rows = _read(file).to_pylist()
    with _pipeline(url) as pipeline:
        pages = [rows[start : start + _ROWS_PER_ITEM] for start in range(0, len(rows), _ROWS_PER_ITEM)]
        yield lambda: _run(pipeline, dlt.resource(pages, name=TABLE, write_disposition="append"))


@contextmanager
def arrow(url: str, file: str) -> Iterator[Work]:
    """Rows in memory as Arrow tables, appended."""
    rows = _read(file)
    with _pipeline(url) as pipeline:
        pages = [rows.slice(start, _ROWS_PER_ITEM) for start in range(0, rows.num_rows, _ROWS_PER_ITEM)]
        yield lambda: _run(pipeline, dlt.resource(pages, name=TABLE, write_disposition="append"))


@contextmanager
def replaced(url: str, emulator: str, project: str) -> Iterator[Work]:
    """From the emulator: BigQuery's rows as dictionaries, one by one, merged by key, with dlt's incremental cursor."""

    @dlt.resource(name=TABLE, primary_key=("call_id", "index"), write_disposition="merge")
    def rows(_synced: Any = dlt.sources.incremental("_fivetran_synced")) -> Iterator[dict[str, Any]]:  # noqa: B008
        with closing(emulator_client(emulator, project)) as client:
            query = f"SELECT * FROM `{project}.{DATASETS['gong']}.transcript` ORDER BY _fivetran_synced"  # noqa: S608
            for row in client.query(query).result():
                yield dict(row.items())

    with _pipeline(url) as pipeline:
        yield lambda: _run(pipeline, rows())


def _run(pipeline: dlt.Pipeline, resource: Any) -> Facts:
    pipeline.run(resource)
    return {}


@contextmanager
def _pipeline(url: str) -> Iterator[dlt.Pipeline]:
    """A pipeline in a folder of its own; dlt insists on a password, which a unix socket does not ask for."""
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    given = urlunsplit(parts._replace(netloc=f"{user}:none@{place}"))
    with tempfile.TemporaryDirectory() as folder:
        destination = dlt.destinations.postgres(credentials=given)
        yield dlt.pipeline("plain", pipelines_dir=folder, destination=destination, dataset_name=DATASET)


def _read(file: str) -> pa.Table:
    """The rows, with arrays as JSON text: dlt would make a table of its own of them, or fail on them."""
    with pa.OSFile(file) as opened:
        rows = pa.ipc.open_file(opened).read_all()
    lists = [index for index, field in enumerate(rows.schema) if pa.types.is_list(field.type)]
    for index in lists:
        texts = [json.dumps(value) for value in rows.column(index).to_pylist()]
        rows = rows.set_column(index, rows.schema.field(index).name, pa.array(texts))
    return rows

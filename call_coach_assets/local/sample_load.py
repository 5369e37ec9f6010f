"""The sample's way into a BigQuery emulator, and a client for that."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from call_coach_assets.local.sample import SampleTable

_ARROW = {
    "STRING": pa.string(),
    "INT64": pa.int64(),
    "FLOAT64": pa.float64(),
    "BOOL": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}


def emulator_client(url: str, project: str) -> bigquery.Client:
    """A client of the emulator at http://host:port, which asks for no credentials."""
    return bigquery.Client(
        project=project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": url},
    )


def seed(client: bigquery.Client, datasets: Mapping[str, str], tables: Mapping[str, SampleTable]) -> None:
    """Make the datasets anew and load `tables` into them.

    `datasets` says which dataset `gong` and `salesforce` are. What was in them is deleted.
    """
    for dataset in datasets.values():
        client.delete_dataset(dataset, delete_contents=True, not_found_ok=True)
        client.create_dataset(dataset)
    for name, table in tables.items():
        dataset, _, short = name.partition(".")
        load_table(client, f"{client.project}.{datasets[dataset]}.{short}", table)


def load_table(client: bigquery.Client, path: str, table: SampleTable) -> None:
    """Create the table `project.dataset.table` and load its rows by one load job."""
    fields = [bigquery.SchemaField(column, kind) for column, kind in table.schema.items()]
    client.create_table(bigquery.Table(path, schema=fields))
    if not table.rows:
        return
    schema = pa.schema([(column, _ARROW[kind]) for column, kind in table.schema.items()])
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(table.rows, schema=schema), file)
    config = bigquery.LoadJobConfig(source_format=bigquery.SourceFormat.PARQUET, write_disposition="WRITE_APPEND")
    client.load_table_from_file(file, path, rewind=True, job_config=config).result()

"""BigQuery: a client, and one query's answer as a stream of Arrow batches.

Nothing here waits long or retries: the client's defaults would for up to 40 minutes, and what is transient is tried
again by the sync as a whole, where it is logged and counted. Google's libraries are imported on first use: they take
half a second.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from call_coach_assets.errors import SourceUnavailableError
from call_coach_assets.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa
    from google.cloud.bigquery import Client, QueryJob, QueryJobConfig
    from google.cloud.bigquery.table import RowIterator

logger = logging.getLogger(__name__)

Parameter = str | datetime | Sequence[str]

# Below this many rows a read session costs more than it saves.
_STORAGE_API_FROM_ROWS = 10_000
_HTTP_SECONDS = 60.0


@dataclass
class Answer:
    """What a query answers: `batches` stream while they are read; all figures but `received` are known before.

    `started_at` is BigQuery's own time, aware UTC. `total_rows` is None where BigQuery does not say.
    """

    started_at: datetime
    total_rows: int | None
    bytes_processed: int
    bytes_billed: int
    batches: Iterator[pa.RecordBatch] = field(default_factory=lambda: iter(()))
    received: int = 0
    warnings: list[str] = field(default_factory=list)


def client_for(settings: Settings) -> Client:
    """A client of the warehouse, or of the emulator where BIGQUERY_EMULATOR_HOST is set; the caller closes it.

    Opens no connection. Raises SourceAccessError where there are no usable credentials.
    """
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.bigquery import Client

    from call_coach_assets.sync.credentials import google_credentials

    if settings.bigquery_emulator_host:
        return Client(
            project=settings.bigquery_project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options=ClientOptions(api_endpoint=settings.bigquery_emulator_host),
            location=settings.bigquery_location,
        )
    credentials = google_credentials(settings)
    return Client(project=settings.bigquery_project, credentials=credentials, location=settings.bigquery_location)


def run_query(
    client: Client,
    sql: str,
    parameters: Mapping[str, Parameter],
    settings: Settings,
    *,
    what: str,
    labels: Mapping[str, str] | None = None,
) -> Answer:
    """Run a query and wait for its answer; the rows themselves are fetched while `batches` is read.

    `what` names the undertaking in errors. Raises the SourceError family, also while `batches` is read.
    """
    from call_coach_assets.sync.bigquery_errors import FAILURES, translate

    try:
        job = client.query(
            sql,
            job_config=_job_config(parameters, settings, labels or {}),
            retry=None,  # type: ignore[arg-type]
            job_retry=None,
            timeout=_HTTP_SECONDS,
        )
        rows = job.result(retry=None, job_retry=None, timeout=settings.query_timeout_seconds)
    except FAILURES as error:
        raise translate(error, what) from error
    answer = Answer(_started_at(job), rows.total_rows, job.total_bytes_processed or 0, job.total_bytes_billed or 0)
    answer.batches = _stream(client, rows, answer, settings, what)
    return answer


def _stream(
    client: Client, rows: RowIterator, answer: Answer, settings: Settings, what: str
) -> Generator[pa.RecordBatch]:
    """Yield the batches that hold rows; an answer that ends early is an error, never the end."""
    from call_coach_assets.sync.bigquery_errors import FAILURES, translate

    try:
        for batch in _fetch(client, rows, answer, settings):
            answer.received += batch.num_rows
            if batch.num_rows:
                yield batch
    except FAILURES as error:
        raise translate(error, what) from error
    if answer.total_rows is not None and answer.received != answer.total_rows:
        raise SourceUnavailableError(
            what,
            why=f"BigQuery announced {answer.total_rows} rows and sent {answer.received}",
            remedy="the next run tries again",
        )


def _fetch(client: Client, rows: RowIterator, answer: Answer, settings: Settings) -> Generator[pa.RecordBatch]:
    """Over the Storage API where it pays and is permitted, else over REST."""
    from google.api_core.exceptions import Forbidden

    if settings.bigquery_emulator_host or (answer.total_rows or 0) < _STORAGE_API_FROM_ROWS:
        yield from rows.to_arrow_iterable(timeout=settings.query_timeout_seconds)
        return
    with _storage_client(client) as storage:
        try:
            yield from rows.to_arrow_iterable(bqstorage_client=storage, timeout=settings.query_timeout_seconds)
            return
        except Forbidden as error:
            if answer.received:
                raise
            message = f"The BigQuery Storage API is not permitted, reading over REST instead, slower: {error.message}"
    logger.warning(message)
    answer.warnings.append(message)
    yield from rows.to_arrow_iterable(timeout=settings.query_timeout_seconds)


def _storage_client(client: Client) -> Any:
    from google.cloud.bigquery_storage import BigQueryReadClient

    return BigQueryReadClient(credentials=client._credentials)  # type: ignore[no-untyped-call]


def _job_config(parameters: Mapping[str, Parameter], settings: Settings, labels: Mapping[str, str]) -> QueryJobConfig:
    from google.cloud.bigquery import QueryJobConfig

    config = QueryJobConfig(
        query_parameters=[_parameter(name, value) for name, value in parameters.items()],
        labels={key: _label(value) for key, value in labels.items()},
        maximum_bytes_billed=settings.max_bytes_billed,
    )
    config.job_timeout_ms = int(settings.query_timeout_seconds * 1000)
    return config


def _parameter(name: str, value: Parameter) -> Any:
    from google.cloud.bigquery import ArrayQueryParameter, ScalarQueryParameter

    if isinstance(value, str):
        return ScalarQueryParameter(name, "STRING", value)
    if isinstance(value, datetime):
        return ScalarQueryParameter(name, "TIMESTAMP", value)
    return ArrayQueryParameter(name, "STRING", list(value))


def _label(value: str) -> str:
    """A label's value: at most 63 lower-case letters, digits, underscores and dashes."""
    return re.sub(r"[^a-z0-9_-]", "-", value.lower())[:63]


def _started_at(job: QueryJob) -> datetime:
    return job.started or job.created or datetime.now(UTC)

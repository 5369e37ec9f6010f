"""Queries against the emulator, through a proxy that breaks what it is told to, and what each failure means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from google.api_core import exceptions as api
from google.cloud import bigquery

from call_coach_assets.errors import (
    CallCoachError,
    SourceAccessError,
    SourceQueryError,
    SourceQuotaError,
    SourceUnavailableError,
)
from call_coach_assets.settings import Settings, read_settings
from call_coach_assets.sync import bigquery as module
from call_coach_assets.sync.bigquery import Answer, client_for, run_query
from call_coach_assets.sync.retry import attempts
from call_coach_assets_tests.faults import FaultProxy

MANY = "SELECT n, @cursor AS since FROM UNNEST(GENERATE_ARRAY(1, 2000)) AS n"
SINCE = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def settings(proxy: FaultProxy) -> Settings:
    return read_settings(_env_file=None, bigquery_emulator_host=proxy.url, sync_retry_seconds=0)


def ask(settings: Settings, sql: str = MANY, **parameters: Any) -> tuple[Answer, pa.Table]:
    with closing(client_for(settings)) as client:
        given = {"cursor": SINCE, **parameters}
        answer = run_query(client, sql, given, settings, what="Reading numbers", labels={"run_id": "Run/1"})
        return answer, pa.Table.from_batches(list(answer.batches))


def ask_repeatedly(settings: Settings) -> int:
    """Ask with the sync's own retries; return how many attempts it took."""
    for attempt in attempts(settings, "numbers"):
        with attempt:
            _, table = ask(settings)
    assert table.num_rows == 2000
    return int(attempt.retry_state.attempt_number)


def test_an_answer_streams_in_arrow_with_the_servers_time(settings: Settings) -> None:
    answer, table = ask(settings)
    assert (answer.total_rows, answer.received, table.num_rows) == (2000, 2000, 2000)
    assert table["n"].to_pylist() == list(range(1, 2001))
    assert table["since"][0].as_py() == SINCE
    assert abs(datetime.now(UTC) - answer.started_at) < timedelta(minutes=1)


def test_an_answer_without_rows_has_no_batch_and_arrays_are_parameters(settings: Settings) -> None:
    _, table = ask(settings, "SELECT word, @text AS text FROM UNNEST(@words) AS word", words=["b", "a"], text="x")
    assert sorted(table.to_pylist(), key=str) == [{"word": "a", "text": "x"}, {"word": "b", "text": "x"}]
    with closing(client_for(settings)) as client:
        answer = run_query(client, "SELECT 1 AS n LIMIT 0", {}, settings, what="Reading nothing")
        assert (list(answer.batches), answer.total_rows) == ([], 0)


@pytest.mark.covers("P11", "P26")
@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_a_transient_answer_is_tried_again_and_then_succeeds(
    proxy: FaultProxy, settings: Settings, status: int
) -> None:
    proxy.answer(status, when=b"/jobs", times=3)
    assert ask_repeatedly(settings) == 4
    assert proxy.struck == 3


@pytest.mark.covers("P11", "P12", "P26")
@pytest.mark.parametrize(("status", "kind"), [(429, SourceQuotaError), (500, SourceUnavailableError)])
def test_after_three_retries_the_error_says_whether_a_quota_or_the_service_is_to_blame(
    proxy: FaultProxy, settings: Settings, status: int, kind: type[CallCoachError]
) -> None:
    proxy.answer(status, when=b"/jobs", times=99)
    with pytest.raises(kind, match="Reading numbers"):
        ask_repeatedly(settings)
    assert proxy.struck == 4


@pytest.mark.covers("P11")
def test_a_response_that_is_cut_is_never_the_end(proxy: FaultProxy, settings: Settings) -> None:
    proxy.cut(when=b"GET /bigquery", after=5000)
    with pytest.raises(SourceUnavailableError):
        ask(settings)
    proxy.cut(when=b"POST", times=1)
    assert ask_repeatedly(settings) == 2


def test_an_answer_with_fewer_rows_than_announced_is_an_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = pa.record_batch({"n": [1, 2]})
    monkeypatch.setattr(module, "_fetch", lambda *_: iter([batch]))
    with pytest.raises(SourceUnavailableError, match="announced 2000 rows and sent 2"):
        ask(settings)


def test_production_reads_over_the_storage_api_and_says_when_it_may_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    used: list[object] = []
    batch = pa.record_batch({"n": list(range(20_000))})

    class Rows:
        def __init__(self, forbidden: bool) -> None:
            self.forbidden = forbidden

        def to_arrow_iterable(self, bqstorage_client: object = None, timeout: float = 0) -> Iterator[pa.RecordBatch]:
            used.append(bqstorage_client)
            if bqstorage_client is not None and self.forbidden:
                raise api.Forbidden("no bigquery.readsessions.create")
            yield batch

    monkeypatch.setattr(module, "_storage_client", lambda client: _Opened())
    production = settings.model_copy(update={"bigquery_emulator_host": None})
    for forbidden in (False, True):
        answer = Answer(SINCE, 20_000, 0, 0)
        batches = module._stream(SimpleNamespace(), Rows(forbidden), answer, production, "Reading")  # type: ignore[arg-type]
        assert sum(part.num_rows for part in batches) == 20_000
        assert len(answer.warnings) == forbidden
    assert [type(client).__name__ for client in used] == ["_Opened", "_Opened", "NoneType"]
    assert "readsessions" in caplog.text


class _Opened:
    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def test_a_query_that_is_wrong_says_so_at_once(proxy: FaultProxy, settings: Settings) -> None:
    with pytest.raises(SourceQueryError, match=r"query\.sql"):
        ask(settings, "SELEC 1")


@pytest.mark.covers("P2")
def test_missing_or_broken_credentials_name_their_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    broken = tmp_path / "key.json"
    broken.write_text(json.dumps({"type": "service_account", "project_id": "p"}))
    for path in (None, str(tmp_path / "absent.json"), str(broken)):
        with pytest.raises(SourceAccessError, match="GOOGLE_APPLICATION_CREDENTIALS"):
            client_for(read_settings(_env_file=None, google_application_credentials=path))


@pytest.mark.covers("P36")
def test_every_query_has_a_byte_limit_labels_and_a_deadline(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    sent: list[bigquery.QueryJobConfig] = []
    original = bigquery.Client.query

    def query(self: bigquery.Client, sql: str, **given: Any) -> Any:
        sent.append(given["job_config"])
        return original(self, sql, **given)

    monkeypatch.setattr(bigquery.Client, "query", query)
    ask(settings)
    assert sent[0].maximum_bytes_billed == settings.max_bytes_billed
    assert sent[0].labels == {"run_id": "run-1"}
    assert int(sent[0].job_timeout_ms) == 600_000

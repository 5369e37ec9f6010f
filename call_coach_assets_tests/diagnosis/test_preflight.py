import json
import logging
from pathlib import Path

import pytest

from call_coach_assets.diagnosis.preflight import require_both_ends
from call_coach_assets.errors import ConfigurationError, SourceAccessError, TargetMissingError, TargetUnavailableError

AWAY = "postgresql://me:pass-word@127.0.0.1:1/app"


@pytest.fixture(autouse=True)
def ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: str) -> None:
    """Both ends are there, as far as a preflight looks; a test takes one away."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:1")
    monkeypatch.setenv("SYNC_RETRY_SECONDS", "0")


@pytest.mark.covers("P1", "P3")
def test_two_ends_configured_by_the_environment_pass(database: str) -> None:
    assert require_both_ends().database_url == database


@pytest.mark.covers("P11", "P12")
def test_an_unreachable_postgres_is_tried_three_times_more_and_then_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DATABASE_URL", AWAY)
    monkeypatch.setattr(logging.getLogger("call_coach_assets"), "propagate", True)
    with pytest.raises(TargetUnavailableError, match="Postgres") as caught:
        require_both_ends()
    retries = {record.message.partition(" of 3")[0] for record in caplog.records if "retry" in record.message}
    assert retries == {f"connecting to Postgres: retry {number}" for number in (1, 2, 3)}
    assert "DATABASE_URL" in caught.value.remedy
    assert "pass-word" not in str(caught.value)


@pytest.mark.covers("P2")
def test_a_database_that_is_not_there_is_named_at_once(
    database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DATABASE_URL", database + "_gone")
    with pytest.raises(TargetMissingError, match="_gone"):
        require_both_ends()
    assert not caplog.records


@pytest.mark.covers("P2", "P3")
@pytest.mark.parametrize(("url", "says"), [("", "is not set"), ("mysql://h/d", "is no Postgres URL")])
def test_a_missing_or_wrong_database_url_is_named(url: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ConfigurationError, match=f"DATABASE_URL {says}"):
        require_both_ends()


@pytest.mark.covers("P2")
@pytest.mark.parametrize(
    "content", [None, "{", json.dumps({"type": "service_account"})], ids=["no file", "no JSON", "no key"]
)
def test_google_credentials_that_cannot_work_are_named_without_a_request(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key.json"
    if content is not None:
        key.write_text(content)
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    with pytest.raises(SourceAccessError, match=r"key\.json"):
        require_both_ends()


@pytest.mark.covers("P2")
def test_no_google_credentials_at_all_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST")
    with pytest.raises(SourceAccessError) as caught:
        require_both_ends()
    assert "GOOGLE_APPLICATION_CREDENTIALS" in caught.value.remedy


def test_each_setting_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_BATCH_SIZE", "many")
    monkeypatch.setenv("MAX_BYTES_BILLED", "-1")
    with pytest.raises(ConfigurationError, match=r"SYNC_BATCH_SIZE.*MAX_BYTES_BILLED"):
        require_both_ends()

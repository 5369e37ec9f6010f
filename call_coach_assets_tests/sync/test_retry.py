"""What is tried again, how often, and how long it waits."""

from __future__ import annotations

import logging

import pytest

from call_coach_assets.errors import CallCoachError, SourceQueryError, SourceUnavailableError
from call_coach_assets.settings import read_settings
from call_coach_assets.sync.retry import attempts


def tries(error: Exception, *, failures: int = 99, wait: float = 0) -> int:
    """How often something is tried that fails with `error` so many times."""
    tried = 0
    for attempt in attempts(read_settings(_env_file=None, sync_retry_seconds=wait), "calls"):
        with attempt:
            tried += 1
            if tried <= failures:
                raise error
    return tried


@pytest.mark.covers("P11")
def test_a_transient_error_is_tried_again_until_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert tries(SourceUnavailableError("Reading calls", why="cut"), failures=3) == 4
    assert [record.getMessage()[:19] for record in caplog.records] == [f"calls: retry {n} of 3" for n in (1, 2, 3)]


@pytest.mark.covers("P11", "P12")
def test_after_three_retries_the_error_itself_comes_out() -> None:
    error = SourceUnavailableError("Reading calls", why="down")
    with pytest.raises(SourceUnavailableError) as raised:
        tries(error)
    assert raised.value is error


@pytest.mark.parametrize("error", [SourceQueryError("Reading calls"), ValueError("a fault of ours")])
def test_a_permanent_error_is_not_tried_again(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises((CallCoachError, ValueError)):
        tries(error, failures=1)
    assert not caplog.records


@pytest.mark.covers("P11")
def test_each_wait_is_twice_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    with pytest.raises(SourceUnavailableError):
        tries(SourceUnavailableError("Reading calls"), wait=2)
    assert [least <= wait <= least + 1 for wait, least in zip(waits, (2, 4, 8), strict=True)] == [True] * 3

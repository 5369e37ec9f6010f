from datetime import UTC, datetime
from pathlib import Path

import pytest

from call_coach_assets.diagnosis.finding import State
from call_coach_assets.diagnosis.prefect_backlog import find_prefect_backlog
from call_coach_assets.reporting.prefect.objects import Emission
from call_coach_assets.reporting.prefect.spool import Spool
from call_coach_assets.settings import read_settings


def test_what_waits_for_prefect_is_told_where_prefect_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    configured = read_settings(_env_file=None, prefect_api_url="http://127.0.0.1:1/api")
    assert "not set" in find_prefect_backlog(read_settings(_env_file=None)).what
    assert "nothing was ever told" in find_prefect_backlog(configured).what

    spool = Spool(tmp_path / "prefect")
    spool.add([Emission("1", "log", "run", datetime(2025, 1, 1, tzinfo=UTC), {})], deliver=True)
    waiting = find_prefect_backlog(configured)
    assert waiting.state is State.WARNING
    assert "that wait: 1" in waiting.what
    assert "call-coach prefect push" in waiting.remedy

    spool.settle(["1"], "sent")
    spool.close()
    assert find_prefect_backlog(configured).state is State.OK

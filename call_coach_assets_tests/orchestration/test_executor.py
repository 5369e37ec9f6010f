"""Where the steps of a run are executed."""

from __future__ import annotations

import dagster as dg
import pytest

from call_coach_assets.orchestration.run import run_sync
from call_coach_assets.orchestration.workload import LITTLE, has_little_to_do
from call_coach_assets.settings import Settings, read_settings
from call_coach_assets_tests.orchestration.conftest import Stack
from call_coach_assets_tests.sync.comparing import execute

WHOLE = {"ops": {"opportunities": {"config": {"full_refresh": True}}}}


def _said(settings: Settings, run_config: dict[str, object] | None = None) -> bool:
    return has_little_to_do(["opportunities"], run_config or {}, settings)


@pytest.mark.covers("P24")
def test_much_is_done_in_processes_and_little_in_the_runs_own(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_EXECUTOR", "auto")
    settings = read_settings()
    assert not _said(settings), "nothing was ever synced"
    assert "multiprocess" in _engine_events(run_sync(["opportunities"]).run_id)
    assert _said(settings)
    assert not _said(settings, WHOLE)
    assert "in process" in _engine_events(run_sync(["opportunities"]).run_id)
    execute(settings, f"UPDATE sync_status SET items_synced = {LITTLE + 1}")
    assert not _said(settings), "the last sync brought much"
    execute(settings, "UPDATE sync_status SET items_synced = 0, last_sync_status = 'failed'")
    assert not _said(settings), "how much a failed sync left is not known"


def test_where_postgres_cannot_be_asked_no_process_is_started(stack: Stack) -> None:
    nowhere = read_settings(DATABASE_URL=stack.database.rpartition("/")[0] + "/nowhere", database_url_direct=None)
    assert _said(nowhere)


def _engine_events(run_id: str) -> str:
    with dg.DagsterInstance.get() as instance:
        records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    return "\n".join(record.event_log_entry.user_message for record in records)

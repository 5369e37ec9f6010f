"""All that can be done with the product, done well, and failing in every way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import RunsFilter

from call_coach_assets.errors import TargetUnavailableError
from call_coach_assets.orchestration.alert_sensor import AlertState, look
from call_coach_assets.orchestration.finished_runs import finished_since
from call_coach_assets.orchestration.jobs import SYNC_ALL
from call_coach_assets.orchestration.reconcile_job import reconcile_job
from call_coach_assets.orchestration.resources import SyncSettings
from call_coach_assets.reporting.metrics import export
from call_coach_assets.settings import load_settings, read_settings
from call_coach_assets.sync import session
from call_coach_assets_tests.security.marked import MARK, NAMES, secret, with_password
from call_coach_assets_tests.security.scene import Scene

NOBODY = "postgresql://me@127.0.0.1:1/app"
NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


def do_everything(scene: Scene) -> None:
    """What is printed is kept in the scene's places, and what is left elsewhere stays there."""
    _everything_works(scene)
    _an_end_is_away(scene)
    _settings_are_wrong(scene)
    _errors_quote_every_secret(scene)
    _alerts_are_refused(scene)


def _everything_works(scene: Scene) -> None:
    scene.call("sync", "sync", "calls", "emails", status=0)
    scene.call("doctor", "doctor", status=0)
    scene.call("dead letters", "dead-letters", "show", "emails", "e2", status=0)
    scene.call("reconcile", "reconcile", "calls", status=0)


def _an_end_is_away(scene: Scene) -> None:
    away = with_password(NOBODY, "database")
    for command in (["sync"], ["doctor"], ["status"], ["reconcile", "calls"], ["dead-letters"]):
        scene.call(f"{command[0]} without Postgres", *command, status=1, DATABASE_URL=away)
    scene.call("sync without a history", "sync", status=1, DAGSTER_POSTGRES_URL=away)
    for command in (["sync", "calls"], ["doctor"], ["status"], ["reconcile", "calls"]):
        text = scene.call(f"{command[0]} without BigQuery", *command, status=1, BIGQUERY_EMULATOR_HOST=None)
        assert "invalid_grant" in text
    for command in ("push", "adopt"):
        scene.call(f"prefect {command}", "prefect", command, status=1)


def _settings_are_wrong(scene: Scene) -> None:
    key = Path(scene.home.parent / "keys" / "key.json").read_text()
    badly = f"postgresql://me:{MARK}%zz@127.0.0.1:1/app"
    cut = f"postgresql://me:x/{MARK}#y@127.0.0.1:1/app"
    for command in ("sync", "doctor", "status"):
        inline: dict[str, str | None] = {"GOOGLE_APPLICATION_CREDENTIALS": key, "BIGQUERY_EMULATOR_HOST": None}
        scene.call(f"{command} with a key for a path", command, status=1, **inline)
        scene.call(f"{command} with a wrong number", command, status=1, SYNC_BATCH_SIZE="many")
        for url in (badly, cut):
            scene.call(f"{command} with {url[:25]}", command, status=1, DATABASE_URL=url)
    for url in (badly, cut):
        scene.call(f"sync with a history at {url[:25]}", "sync", status=1, DAGSTER_POSTGRES_URL=url)
    export([], read_settings(metrics_push_gateway=f"http://me:x/{MARK}#y@127.0.0.1:z"), NOW)


def _errors_quote_every_secret(scene: Scene) -> None:
    """What a library says when it fails may hold anything: one error is expected, the other a defect."""
    settings = read_settings()
    quoted = " ".join([*settings.secrets, *map(repr, settings.secrets), *map(secret, NAMES)])

    def fail(entity: Any, *_: Any, **__: Any) -> None:
        if entity.name == "calls":
            raise TargetUnavailableError(f"of {quoted}", why=f"as in {quoted}", remedy=f"mind {quoted}")
        raise ValueError(quoted, {"url": quoted})

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(session, "evolve", lambda _database, entity, *_: fail(entity))
        text = scene.call("sync with errors that quote", "sync", "calls", "opportunities", status=1)
        assert "calls failed" in text
        assert "opportunities failed" in text
        with dg.DagsterInstance.get() as instance:
            run_config = {"ops": {"reconcile_entities": {"config": {"entities": ["calls", "opportunities"]}}}}
            done = reconcile_job.execute_in_process(
                run_config, instance=instance, resources={"sync_settings": SyncSettings()}, raise_on_error=False
            )
    assert not done.success
    for failed in (done.run_id, _last_sync()):
        scene.call(f"prefect export of {failed}", "prefect", "export", failed, status=0)


def _last_sync() -> str:
    with dg.DagsterInstance.get() as instance:
        return instance.get_runs(RunsFilter(job_name=SYNC_ALL), limit=1)[0].run_id


def _alerts_are_refused(scene: Scene) -> None:
    """One failed run, thrice, so that both receivers are told; both refuse, and it is kept for later."""
    with dg.DagsterInstance.get() as instance:
        ended = finished_since(instance, datetime.now(UTC) - timedelta(hours=1), (), ["calls", "opportunities"])
    last = next(run for run in reversed(ended) if run.status == "failure" and run.job == "sync")
    again = [{"run_id": f"run {n}", "first": None, "ended_at": last.ended_at + timedelta(hours=n)} for n in range(3)]
    state = look(AlertState(until=NOW), [last.model_copy(update=run) for run in again], load_settings())
    assert {receiver for notice in state.undelivered for receiver in notice.receivers} == {"slack", "pagerduty"}
    scene.places.printed["the alert sensor's cursor"] = state.model_dump_json()

"""What alerts learn from the history: of syncs, of retries, and of reconciles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import ROOT_RUN_ID_TAG

import call_coach_assets.sync.reconcile as reconciling
from call_coach_assets.errors import SourceMissingError, SourceUnavailableError
from call_coach_assets.orchestration.finished_runs import finished_since
from call_coach_assets.orchestration.reconcile_job import STEP, reconcile_job
from call_coach_assets.orchestration.resources import SyncSettings
from call_coach_assets.orchestration.retries import RETRY_TAG, pending_retries
from call_coach_assets.reporting.incidents import THE_RUN, FinishedRun, advance
from call_coach_assets.sync.reconciliations import ReconcileStatus
from call_coach_assets_tests.orchestration.runs import finished_run, unfinished_run

ENTITIES = ("calls", "emails", "speakers")
GONE = SourceMissingError("gong.email is gone", why="404", remedy="ask Fivetran")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def _finished(instance: dg.DagsterInstance, *seen: str) -> list[FinishedRun]:
    return finished_since(instance, datetime.now(UTC) - timedelta(hours=1), seen, ENTITIES)


def _reconcile(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, broken: dict[str, Exception]) -> str:
    """Run the real job over three entities, of which some cannot be reconciled; the run's id."""

    def reconcile(entity: Any, *_: Any, **__: Any) -> Any:
        if entity.name in broken:
            raise broken[entity.name]
        equal = ReconcileStatus.EQUAL
        return SimpleNamespace(
            entity=entity.name, figures={}, different={}, status=equal, skipped=None, examples=(), dry_run=False,
            raise_if_refused=lambda: None,
        )  # fmt: skip

    monkeypatch.setattr(reconciling, "reconcile", reconcile)
    return reconcile_job.execute_in_process(
        run_config={"ops": {STEP: {"config": {"entities": list(ENTITIES)}}}},
        resources={"sync_settings": SyncSettings()},
        instance=instance,
        raise_on_error=False,
    ).run_id


@pytest.mark.covers("P19")
def test_a_reconcile_that_fails_names_each_entity_and_goes_on_with_the_others(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = _reconcile(instance, monkeypatch, {"emails": GONE, "calls": ValueError("17 is no horse")})
    (run,) = _finished(instance)
    assert (run.run_id, run.job, run.status, run.synced) == (run_id, "reconcile", "failure", ("speakers",))
    told = {problem.entity: problem for problem in run.problems}
    assert (told["emails"].what, told["emails"].remedy) == ("gong.email is gone: 404", "ask Fivetran")
    assert told["calls"].what == "ValueError: 17 is no horse"
    incident, notice = advance(None, run)
    assert notice is not None
    assert (notice.kind, notice.receivers) == ("opened", ("slack",))

    _reconcile(instance, monkeypatch, {"emails": GONE})
    again = _finished(instance, run_id)[0]
    incident, notice = advance(incident, again)
    assert notice is None, "it was told"
    _reconcile(instance, monkeypatch, {})
    incident, notice = advance(incident, _finished(instance, run_id, again.run_id)[0])
    assert incident is None
    assert notice is not None
    assert (notice.kind, notice.receivers) == ("recovered", ("slack",))


def test_a_reconcile_whose_process_died_is_told_too(instance: dg.DagsterInstance) -> None:
    died = instance.create_run_for_job(reconcile_job)
    instance.report_run_failed(died, "gone")
    instance.report_run_failed(unfinished_run(instance, "somebody_elses_asset"), "gone")
    (run,) = _finished(instance)
    assert [problem.entity for problem in run.problems] == [THE_RUN]
    assert "its process died" in run.problems[0].what


def test_a_retry_is_known_as_the_run_that_it_tries_again(instance: dg.DagsterInstance) -> None:
    failing = {"calls": SourceUnavailableError("BigQuery is away", why="503", remedy="wait")}
    first = finished_run(instance, failing)
    (retry,) = pending_retries(instance)
    assert _finished(instance)[0].retried, "nothing is permanent yet"
    second = finished_run(instance, failing, retry.request().tags)
    (retry,) = pending_retries(instance)
    assert (retry.request().tags[RETRY_TAG], retry.request().tags[ROOT_RUN_ID_TAG]) == ("2", first)
    finished_run(instance, failing, retry.request().tags)
    (last,) = _finished(instance, first, second)
    assert (last.first, last.retried) == (first, False)

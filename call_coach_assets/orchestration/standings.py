"""Where each entity stands, from Dagster's history, in few queries: what is told to Prometheus and in `sync_health`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterRun, DagsterRunStatus
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.storage.dagster_run import RunRecord, RunsFilter

from call_coach_assets.checks.verdict import MEANINGS
from call_coach_assets.orchestration.failures import EntityFailure, failures_of_run
from call_coach_assets.orchestration.materialization import SKIPPED, result_from
from call_coach_assets.orchestration.running import syncs
from call_coach_assets.sync.result import SyncResult

RUNS = 24
_SEARCHED = 2 * RUNS  # runs of other jobs are among them
_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_DIED = "its process died, or it was canceled"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One run as one entity saw it; `result` is None where it was not synced, `failed` says whether it should have."""

    result: SyncResult | None = None
    ended_at: datetime | None = None
    failed: bool = False


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One entity: its last good sync, why the last run that had it did not sync it, its checks, its last runs."""

    entity: str
    result: SyncResult | None
    synced_at: datetime | None
    failure: EntityFailure | None
    skipped: str | None
    checks: Mapping[str, dg.AssetCheckEvaluation]
    attempts: tuple[Attempt, ...]  # oldest first


def ended_syncs(instance: dg.DagsterInstance, entities: Collection[str], limit: int = _SEARCHED) -> list[RunRecord]:
    """The last runs that sync any of `entities` and are over, newest first, among the `limit` newest of all runs."""
    records = instance.get_run_records(filters=RunsFilter(statuses=_ENDED), limit=limit)
    return [record for record in records if record.end_time and syncs(record.dagster_run, entities)][:RUNS]


def standings(instance: dg.DagsterInstance, entities: Sequence[str]) -> list[Standing]:
    """Every entity's standing, from two queries for each and a handful for all."""
    runs = ended_syncs(instance, entities)
    checks = _checks(instance, entities)
    failures: dict[str, dict[str, EntityFailure]] = {}
    return [_standing(instance, entity, runs, checks.get(entity, {}), failures) for entity in entities]


def _standing(
    instance: dg.DagsterInstance,
    entity: str,
    runs: Sequence[RunRecord],
    checks: Mapping[str, dg.AssetCheckEvaluation],
    failures: dict[str, dict[str, EntityFailure]],
) -> Standing:
    records = instance.fetch_materializations(dg.AssetKey(entity), limit=RUNS).records
    synced = {
        record.run_id: Attempt(result=result_from(one, record.run_id), ended_at=_time(record.timestamp))
        for record in records
        if (one := record.asset_materialization)
    }
    skipped = _skipped(instance, entity, records[0].storage_id if records else 0)
    attempts = [synced.get(run.dagster_run.run_id) or _missed(run.dagster_run, entity, skipped) for run in runs]
    last = next(iter(synced.values()), Attempt())
    concerned = [run for run, attempt in zip(runs, attempts, strict=True) if attempt.result or attempt.failed]
    failed = bool(concerned) and concerned[0].dagster_run.run_id not in synced
    return Standing(
        entity=entity,
        result=last.result,
        synced_at=last.ended_at,
        failure=_failure(instance, entity, concerned[0].dagster_run.run_id, failures) if failed else None,
        skipped=skipped,
        checks=checks,
        attempts=tuple(reversed(attempts)),
    )


def _missed(run: DagsterRun, entity: str, skipped: str | None) -> Attempt:
    """What a run did that did not sync the entity: fail at it, or have nothing to do with it."""
    selected = not run.asset_selection or dg.AssetKey(entity) in run.asset_selection
    return Attempt(failed=selected and skipped is None and run.status != DagsterRunStatus.SUCCESS)


def _failure(
    instance: dg.DagsterInstance, entity: str, run_id: str, known: dict[str, dict[str, EntityFailure]]
) -> EntityFailure:
    if run_id not in known:
        known[run_id] = failures_of_run(instance, run_id)
    died = EntityFailure(
        entity=entity, kind="", what=f"{entity} was not synced", why=_DIED, remedy="see the run's log", transient=True
    )
    return known[run_id].get(entity, died)


def _checks(instance: dg.DagsterInstance, entities: Sequence[str]) -> dict[str, dict[str, dg.AssetCheckEvaluation]]:
    keys = [dg.AssetCheckKey(dg.AssetKey(entity), name.value) for entity in entities for name in MEANINGS]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    found: dict[str, dict[str, dg.AssetCheckEvaluation]] = {}
    for key in keys:
        evaluation = records[key].evaluation if key in records else None
        if isinstance(evaluation, AssetCheckEvaluation):  # it is only planned where its step failed
            found.setdefault(key.asset_key.to_user_string(), {})[key.name] = evaluation
    return found


def _skipped(instance: dg.DagsterInstance, entity: str, synced: int) -> str | None:
    """Why the entity had nothing to sync lately: in an observation that is newer than materialization `synced`."""
    records = instance.fetch_observations(dg.AssetKey(entity), limit=1).records
    told = records[0].asset_observation if records and records[0].storage_id > synced else None
    return str(told.metadata[SKIPPED].value) if told is not None and SKIPPED in told.metadata else None


def _time(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)

"""The asset `sync_health`: how all entities are, renewed after each run, however that was started and ended.

It is an external asset: no run materializes it, so it tells of runs that failed and of runs whose process died too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import MetadataValue
from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus

from call_coach_assets.checks.cost import monthly_cost_usd
from call_coach_assets.orchestration.standings import Attempt, Standing
from call_coach_assets.reporting.health import EntityHealth, State, figures, headline, line, report
from call_coach_assets.reporting.sparkline import Point
from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity

KEY = dg.AssetKey("sync_health")
RUN = "run"  # the metadata that says after which run the report was made
_WARN, _FAIL = timedelta(minutes=75), timedelta(hours=2)


def health_asset(entities: Collection[Entity]) -> dg.AssetSpec:
    """What the UI says of the report before there is one."""
    return dg.AssetSpec(
        key=KEY,
        deps=[entity.name for entity in entities],
        description="All entities at a glance, renewed after each run, also after one that failed: how far behind each"
        " is, what its last runs did, what waits, which checks fail, what it costs, and what to do."
        " Open `report` for the table with its sparklines; the plots show how that developed.",
        group_name="operations",
        owners=sorted({owner for entity in entities for owner in entity.owners}),
        kinds={"report"},
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=_FAIL, warn_window=_WARN),
    )


def report_health(instance: dg.DagsterInstance, standings: Sequence[Standing], run_id: str, settings: Settings) -> bool:
    """Renew the asset after run `run_id`; says whether that had still to be done."""
    last = instance.get_latest_materialization_event(KEY)
    told = last.asset_materialization if last else None
    if told is not None and told.metadata[RUN].value == run_id:
        return False
    now = datetime.now(UTC)
    entities = [health_of(standing, settings, now) for standing in standings]
    instance.report_runless_asset_event(_materialization(entities, automation_problems(instance), run_id))
    return True


def health_of(standing: Standing, settings: Settings, now: datetime) -> EntityHealth:
    """An entity's standing as the report shows it; what a month costs is the mean of its last runs, every hour."""
    result = standing.result
    results = [attempt.result for attempt in standing.attempts if attempt.result]
    billed = sum(each.bytes_billed for each in results) // max(1, len(results))
    checkpoint = result.checkpoint_after if result else None
    failure = standing.failure
    return EntityHealth(
        entity=standing.entity,
        state=_state(standing),
        synced_at=standing.synced_at,
        lag_seconds=(now - checkpoint).total_seconds() if checkpoint else None,
        rows=result.rows_synced if result else 0,
        waiting=result.waiting if result else 0,
        dead_letters=result.dead_lettered if result else 0,
        failing_checks=_wrong(standing, dg.AssetCheckSeverity.ERROR),
        warning_checks=_wrong(standing, dg.AssetCheckSeverity.WARN),
        bytes_billed=result.bytes_billed if result else 0,
        usd_per_month=monthly_cost_usd(billed, settings),
        trouble=str(failure).replace("\n", ". ") if failure else standing.skipped or "",
        history=tuple(_point(attempt) for attempt in standing.attempts),
    )


def automation_problems(instance: dg.DagsterInstance) -> list[str]:
    """The schedules and sensors that are switched off, or whose last tick failed."""
    found = []
    for state in sorted(instance.all_instigator_state(), key=lambda state: state.instigator_name):
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        if state.status is InstigatorStatus.STOPPED:
            found.append(f"{state.instigator_name} is switched off")
        elif ticks and ticks[0].status is TickStatus.FAILURE:
            found.append(f"the last tick of {state.instigator_name} failed")
    return found


def _materialization(
    entities: Sequence[EntityHealth], automation: Sequence[str], run_id: str
) -> dg.AssetMaterialization:
    says = headline(entities, automation)
    return dg.AssetMaterialization(
        asset_key=KEY,
        description=says,
        metadata={
            "summary": MetadataValue.text(says),
            **{each.entity: MetadataValue.text(line(each)) for each in entities},
            "report": MetadataValue.md(report(entities, automation)),
            RUN: MetadataValue.dagster_run(run_id),
            **figures(entities),
        },
    )


def _wrong(standing: Standing, severity: dg.AssetCheckSeverity) -> dict[str, str]:
    found = {name: one for name, one in standing.checks.items() if not one.passed and one.severity is severity}
    return {name: one.description or "" for name, one in found.items()}


def _state(standing: Standing) -> State:
    if standing.failure is not None:
        return "failed"
    if standing.skipped is not None:
        return "skipped"
    if standing.result is None:
        return "never synced"
    return "partial" if standing.result.errors_count else "success"


def _point(attempt: Attempt) -> Point:
    result, checkpoint = attempt.result, attempt.result.checkpoint_after if attempt.result else None
    if result is None or attempt.ended_at is None:
        missed = "failed" if attempt.failed else None
        return Point(rows=missed, seconds=missed, lag_seconds=missed)  # type: ignore[arg-type]
    lag = (attempt.ended_at - checkpoint).total_seconds() if checkpoint else None
    return Point(rows=result.rows_synced, seconds=result.duration_seconds, lag_seconds=lag)

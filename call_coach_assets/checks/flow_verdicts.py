"""Verdicts about the flow: does everything arrive, on time, in a known shape, at the agreed price?"""

from __future__ import annotations

from datetime import datetime, timedelta

from call_coach_assets.checks.cost import monthly_cost_usd
from call_coach_assets.checks.evidence import Evidence
from call_coach_assets.checks.verdict import CheckName, Figure, Verdict

_CLOCKS_DIFFER = timedelta(minutes=5)


def unpublished_rows(evidence: Evidence) -> Verdict:
    """Count rows that wait for a parent and dead letters, and say how old the oldest is."""
    waiting, target = evidence.result.waiting, evidence.target
    figures: dict[str, Figure] = {"waiting": waiting, "dead_letters": target.dead_letters}
    said = []
    if waiting:
        said.append(f"{waiting:,} rows wait for their parent{_since(target.waiting_since)}")
    if target.dead_letters:
        said.append(f"{target.dead_letters:,} rows are dead-lettered{_since(target.dead_letters_since)}")
    oldest = min((s for s in (target.waiting_since, target.dead_letters_since) if s is not None), default=None)
    if said and oldest is not None:
        figures["oldest_hours"] = round((evidence.now - oldest).total_seconds() / 3600, 2)
    return Verdict(CheckName.UNPUBLISHED_ROWS, not said, "; ".join(said) or "Every row is published.", figures=figures)


def source_schema(evidence: Evidence) -> Verdict:
    """Compare the source's columns with those of the mapping, and with what they were when the entity was new.

    Columns that the mapping never knew are figures; those that appear, go or change their type are told.
    """
    adapted = evidence.source.adapted
    found = {
        "missing": sorted(map(str, adapted.missing_columns)),
        "unknown": sorted(map(str, adapted.unknown_columns)),
        "absent": sorted(map(str, adapted.absent_tables)),
    }
    gone = tuple(found["missing"])
    said = [f"Gone from the source, so no longer filled: {', '.join(gone)}"] if gone else []
    said += [change for change in evidence.result.schema_changes if not change.startswith(gone)]
    figures: dict[str, Figure] = {kind: ", ".join(names) for kind, names in found.items()}
    return Verdict(
        CheckName.SOURCE_SCHEMA, not said, ". ".join(said) or "The source is as the mapping knows it.", figures=figures
    )


def checkpoint_sanity(evidence: Evidence) -> Verdict:
    """Judge whether the checkpoint is plausible: not ahead of the clock, and never behind what it was."""
    before, after = evidence.result.checkpoint_before, evidence.result.checkpoint_after
    says = "" if after is not None else "Nothing was ever read."
    if after is not None and after > evidence.now + _CLOCKS_DIFFER:
        says = f"The checkpoint {after:%Y-%m-%d %H:%M} UTC is in the future: rows until then would be missed."
    elif before is not None and (after is None or after < before):
        says = f"The checkpoint went back from {before:%Y-%m-%d %H:%M} to {_minute(after)} UTC."
    passed = not says or (after is None and before is None)
    return Verdict(CheckName.CHECKPOINT_SANITY, passed, says or f"It is {_minute(after)} UTC.", severe=True)


def data_freshness(evidence: Evidence) -> Verdict:
    """Compare the newest change of both ends: what Postgres lacks may be at most as old as the promise allows."""
    newest, published = evidence.source.newest, evidence.result.checkpoint_after
    if newest is None:
        return Verdict(CheckName.DATA_FRESHNESS, True, "The source has no row with a stamp.")
    behind = timedelta() if published is not None and published >= newest else evidence.now - newest
    minutes = max(behind.total_seconds() / 60, 0.0)
    limits = evidence.entity.freshness
    return Verdict(
        CheckName.DATA_FRESHNESS,
        minutes <= limits.warn_minutes,
        f"The newest change in BigQuery is of {_minute(newest)} UTC, in Postgres of {_minute(published)} UTC.",
        severe=minutes > limits.fail_minutes,
        figures={"behind_minutes": round(minutes, 1), "source_age_minutes": _minutes_since(newest, evidence.now)},
    )


def fivetran_lag(evidence: Evidence) -> Verdict:
    """Judge when Fivetran last wrote to any table that the query reads."""
    written = [table.last_modified for table in evidence.source.tables.values() if table and table.last_modified]
    if not written:
        return Verdict(CheckName.FIVETRAN_LAG, True, "BigQuery does not say when its tables were written.")
    minutes = _minutes_since(max(written), evidence.now)
    limit = evidence.entity.freshness.fivetran_warn_minutes
    says = f"Fivetran last wrote at {_minute(max(written))} UTC, {minutes / 60:.1f} hours ago."
    if minutes > limit:
        says += " Fivetran is late, not this sync: look at its connector."
    return Verdict(
        CheckName.FIVETRAN_LAG, minutes <= limit, says, figures={"hours_since_write": round(minutes / 60, 2)}
    )


def cost(evidence: Evidence) -> Verdict:
    """Project what the last runs of all entities cost to a month, and hold it against the budget."""
    billed = evidence.bytes_billed
    own = monthly_cost_usd(sum(billed) // len(billed), evidence.settings) if billed else 0.0
    total = own + sum(evidence.others_usd_per_month.values())
    budget = evidence.settings.monthly_cost_budget_usd
    return Verdict(
        CheckName.COST,
        total <= budget,
        f"All entities cost about {total:.2f} USD a month, of which this one {own:.2f}; the budget is {budget:.2f}.",
        figures={"usd_per_month": own, "all_entities_usd_per_month": total, "budget_usd": budget},
    )


def _since(since: datetime | None) -> str:
    return f", since {_minute(since)} UTC" if since else ""


def _minute(stamp: datetime | None) -> str:
    return f"{stamp:%Y-%m-%d %H:%M}" if stamp else "never"


def _minutes_since(stamp: datetime, now: datetime) -> float:
    return round((now - stamp).total_seconds() / 60, 1)

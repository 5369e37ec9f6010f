"""Verdicts about the data: do both ends agree, and is the target sound in itself?"""

from __future__ import annotations

from call_coach_assets.checks.evidence import Evidence
from call_coach_assets.checks.verdict import CheckName, Verdict
from call_coach_assets.sync.reconciliations import ReconcileStatus

_INTERVAL_HOURS = {"daily": 24, "weekly": 7 * 24}
_UNREPAIRED = {ReconcileStatus.DIFFERS, ReconcileStatus.REFUSED}


def row_count_delta(evidence: Evidence) -> Verdict:
    """Compare the rows of both ends.

    Either end is known as a range: rows that changed after the read may be new (source), and a dead letter may stand
    for a row that is published without one of its values (target). The delta is the gap between the ranges.
    """
    source, target, result = evidence.source, evidence.target, evidence.result
    live = target.rows - target.kept_deleted
    delta = _gap(
        (source.rows - source.newer, source.rows), (live + result.waiting, live + result.waiting + target.dead_letters)
    )
    share = abs(delta) / max(source.rows, 1)
    limits = evidence.entity.row_count_delta
    figures = {"delta": delta, "delta_share": share, "source_rows": source.rows, "target_rows": live}
    if share <= limits.warn:
        return Verdict(
            CheckName.ROW_COUNT_DELTA, True, f"{source.rows:,} rows in BigQuery, {live:,} in Postgres.", figures=figures
        )
    more, less = ("Postgres", "BigQuery") if delta > 0 else ("BigQuery", "Postgres")
    return Verdict(
        CheckName.ROW_COUNT_DELTA,
        False,
        f"{more} has {abs(delta):,} rows more than {less} ({share:.2%} of the source's {source.rows:,});"
        " the next reconcile repairs it, and a full refresh brings back what is missing.",
        severe=share > limits.error,
        figures=figures,
    )


def unique_keys(evidence: Evidence) -> Verdict:
    """Judge whether a source row is there twice."""
    count = evidence.target.duplicates
    says = (
        "No source row is there twice."
        if not count
        else f"{count:,} keys are there more than once; remove what the sync did not write."
    )
    return Verdict(CheckName.UNIQUE_KEYS, not count, says, severe=True, figures={"duplicates": count})


def referential_integrity(evidence: Evidence) -> Verdict:
    """Judge whether every reference leads somewhere; one that waits for its parent is NULL, and only counted."""
    orphans = {column: count for column, count in evidence.target.orphans.items() if count}
    figures = {f"{column}_orphans": count for column, count in evidence.target.orphans.items()}
    says = "Every reference leads to its parent."
    if orphans:
        named = ", ".join(f"{count:,} rows of {column}" for column, count in orphans.items())
        says = f"The parent is gone of {named}; restore the foreign keys of the application, then run a full refresh."
    return Verdict(
        CheckName.REFERENTIAL_INTEGRITY, not orphans, says, severe=True,
        figures={**figures, "references_waiting": evidence.target.unlinked},
    )  # fmt: skip


def required_nulls(evidence: Evidence) -> Verdict:
    """Judge whether required columns have lost values since the last run; the first run only takes their measure."""
    rows = max(evidence.target.rows, 1)
    shares = {f"{column}_null_share": count / rows for column, count in evidence.target.nulls.items()}
    grown = [
        name.removesuffix("_null_share")
        for name, share in shares.items()
        if share > (evidence.figure_before(CheckName.REQUIRED_NULLS, name) or 0.0)
    ]
    says = "Required columns are as full as they were."
    if grown:
        says = (
            f"{', '.join(grown)} must have a value and lost some since the last run; a full refresh fills them again."
        )
    return Verdict(CheckName.REQUIRED_NULLS, not grown, says, severe=True, figures=shares)


def fidelity(evidence: Evidence) -> Verdict:
    """Judge what the last reconcile left behind, and whether the next is overdue: after twice its interval."""
    last = evidence.target.reconciled
    if last is None:
        return Verdict(CheckName.FIDELITY, False, "The two ends were never compared; `call-coach reconcile` does it.")
    hours = (evidence.now - last.finished_at).total_seconds() / 3600
    figures = {"hours_ago": round(hours, 1), "verdict": last.status.value, "remaining": int(last.counts["remaining"])}
    says = f"Compared at {last.finished_at:%Y-%m-%d %H:%M} UTC: {last.status}."
    if last.status in _UNREPAIRED:
        says += f" {last.counts['remaining']:,} rows still differ from the source; the log of that run says which."
        return Verdict(CheckName.FIDELITY, False, says, severe=True, figures=figures)
    overdue = hours > 2 * _INTERVAL_HOURS[evidence.entity.reconcile]
    says += f" It is to be done {evidence.entity.reconcile}, and overdue." if overdue else ""
    return Verdict(CheckName.FIDELITY, not overdue, says, figures=figures)


def _gap(source: tuple[int, int], target: tuple[int, int]) -> int:
    """How far the target's range lies above (positive) or below (negative) the source's; 0 where they meet."""
    if target[0] > source[1]:
        return target[0] - source[1]
    return min(target[1] - source[0], 0)

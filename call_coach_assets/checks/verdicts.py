"""From the evidence to the verdicts, one for each check. What could not be measured is said so, never as bad data."""

from __future__ import annotations

from collections.abc import Callable

from call_coach_assets.checks import data_verdicts, flow_verdicts
from call_coach_assets.checks.evidence import Evidence
from call_coach_assets.checks.verdict import CheckName, Verdict
from call_coach_assets.errors import CallCoachError
from call_coach_assets.redaction import redact

CHECKS: dict[CheckName, Callable[[Evidence], Verdict]] = {
    CheckName.UNPUBLISHED_ROWS: flow_verdicts.unpublished_rows,
    CheckName.SOURCE_SCHEMA: flow_verdicts.source_schema,
    CheckName.ROW_COUNT_DELTA: data_verdicts.row_count_delta,
    CheckName.UNIQUE_KEYS: data_verdicts.unique_keys,
    CheckName.REFERENTIAL_INTEGRITY: data_verdicts.referential_integrity,
    CheckName.REQUIRED_NULLS: data_verdicts.required_nulls,
    CheckName.CHECKPOINT_SANITY: flow_verdicts.checkpoint_sanity,
    CheckName.DATA_FRESHNESS: flow_verdicts.data_freshness,
    CheckName.FIVETRAN_LAG: flow_verdicts.fivetran_lag,
    CheckName.COST: flow_verdicts.cost,
    CheckName.FIDELITY: data_verdicts.fidelity,
}


def verdicts(evidence: Evidence) -> list[Verdict]:
    """Every check's verdict, in the order of CheckName."""
    return [_verdict(name, judge, evidence) for name, judge in CHECKS.items()]


def _verdict(name: CheckName, judge: Callable[[Evidence], Verdict], evidence: Evidence) -> Verdict:
    try:
        return judge(evidence)
    except CallCoachError as error:
        says = f"Could not check: {redact(str(error), evidence.settings.secrets)}"
        return Verdict(name, passed=False, says=says, figures={"could_not_check": True})

"""What Prefect shows of a finished run beside its states: a summary, the row counts and the checks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dagster as dg
from dagster import AssetCheckEvaluation, AssetMaterialization, AssetObservation

from call_coach_assets.reporting.prefect import objects
from call_coach_assets.reporting.prefect.facts import RunFacts
from call_coach_assets.reporting.prefect.objects import Emission
from call_coach_assets.reporting.prefect.states import PrefectState

SUMMARY, ROW_COUNTS, CHECKS = "run-summary", "row-counts", "asset-checks"
COUNTS = (
    "rows_read",
    "rows_inserted",
    "rows_updated",
    "rows_unchanged",
    "rows_deleted",
    "rows_waiting",
    "rows_dead_lettered",
)
TOTAL = "dagster/row_count"
FIGURES = (*COUNTS, "rows_synced", "errors_count", TOTAL, "duration_seconds", "attempts", "bytes_billed", "cost_usd")

Figures = dict[str, str | int | float | bool]


def figures_of(metadata: Mapping[str, dg.MetadataValue[Any]]) -> Figures:
    """The figures in a materialization's metadata: numbers, the status, and why an entity was skipped."""
    values = {key: metadata[key].value for key in (*FIGURES, "status", "skipped") if key in metadata}
    return {key: value for key, value in values.items() if isinstance(value, str | int | float)}


def entity_of(fact: AssetMaterialization | AssetObservation | AssetCheckEvaluation) -> str:
    """The entity that a fact of Dagster is about."""
    return str(fact.asset_key.path[-1])


def told(figures: Figures) -> str:
    """One entity's figures in one line, for the message of its task run."""
    if "skipped" in figures:
        return str(figures["skipped"])
    return ", ".join(f"{figures[key]:,} {_words(key)}" for key in COUNTS if isinstance(figures.get(key), int))


def _words(key: str) -> str:
    return key.removeprefix("rows_").replace("_", "-")


@dataclass
class RunReport:
    """Gathers what a run's events say of its entities, and writes the artifacts at its end."""

    run: RunFacts
    figures: dict[str, Figures] = field(default_factory=dict)
    checks: list[dict[str, str | bool]] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    def check(self, evaluation: AssetCheckEvaluation, at: datetime) -> None:
        """Remember the outcome of a check."""
        row: dict[str, str | bool] = {"entity": entity_of(evaluation), "check": evaluation.check_name}
        row |= {"passed": evaluation.passed, "severity": evaluation.severity.value.lower()}
        self.checks.append(row | {"description": evaluation.description or "", "at": at.isoformat()})

    def artifacts(self, at: datetime, state: PrefectState, outcomes: Mapping[str, PrefectState]) -> list[Emission]:
        """The artifacts of the finished run; a table without rows is left out."""
        rows = [self._row(name, outcome) for name, outcome in outcomes.items()]
        made = [self._artifact(SUMMARY, "markdown", self._summary(at, state, outcomes), "What the run did", at)]
        if rows:
            made.append(self._artifact(ROW_COUNTS, "table", _text(rows), "Rows of each entity", at))
        if self.checks:
            made.append(self._artifact(CHECKS, "table", _text(self.checks), "Asset checks of this run", at))
        return made

    def headline(self, outcomes: Mapping[str, PrefectState], seconds: float) -> str:
        """The run in one sentence: entities, what did not succeed, rows and seconds."""
        bad = [f"{name} {state.name}" for name, state in outcomes.items() if state.type != "COMPLETED"]
        good = f"{len(outcomes) - len(bad)} of {len(outcomes)} tasks completed"
        written = sum(int(value) for figures in self.figures.values() if (value := figures.get("rows_synced")))
        return f"{good}{': ' + ', '.join(bad) if bad else ''}; {written:,} rows written in {seconds:.1f} s"

    def _row(self, name: str, outcome: PrefectState) -> dict[str, str | int | float | bool]:
        figures = self.figures.get(name, {})
        row: dict[str, str | int | float | bool] = {"entity": name, "state": outcome.name}
        row |= {_words(key): figures.get(key, "") for key in COUNTS}
        return row | {"rows in target": figures.get(TOTAL, ""), "seconds": figures.get("duration_seconds", "")}

    def _summary(self, at: datetime, state: PrefectState, outcomes: Mapping[str, PrefectState]) -> str:
        seconds = (at - self.run.created).total_seconds()
        lines = [f"# {state.name}: {self.headline(outcomes, seconds)}", "", f"[The run in Dagster]({self.run.url})", ""]
        lines += [f"- {label}: {value}" for label, value in self._facts(at).items()]
        if self.errors:
            lines += ["", "## Errors", ""]
            lines += [f"**{name}**\n\n```\n{error}\n```\n" for name, error in self.errors.items()]
        return "\n".join(lines)

    def _facts(self, at: datetime) -> dict[str, str]:
        facts = {"Dagster run": f"`{self.run.run_id}`", "Job": f"`{self.run.job_name}`"}
        facts |= {"Started by": self.run.trigger, "Created": _stamp(self.run.created), "Ended": _stamp(at)}
        failed = [f"{row['entity']}: {row['check']}" for row in self.checks if not row["passed"]]
        passed = len(self.checks) - len(failed)
        return facts | {"Checks": f"{passed} passed, {len(failed)} failed {'; '.join(failed)}".strip()}

    def _artifact(self, key: str, kind: str, data: str, description: str, at: datetime) -> Emission:
        body = objects.artifact(self.run.run_id, key, kind, data, description)
        return Emission(objects.derived_id("artifact", self.run.run_id, key), "artifact", self.run.run_id, at, body)


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _text(rows: object) -> str:
    return json.dumps(rows, ensure_ascii=False)

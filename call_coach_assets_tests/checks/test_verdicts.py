"""Each check passes on sound evidence, and fails on the defect that it is for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from call_coach_assets.checks.evidence import Evidence
from call_coach_assets.checks.source_measure import SourceMeasure
from call_coach_assets.checks.target_measure import TargetMeasure
from call_coach_assets.checks.verdict import MEANINGS, CheckName, Verdict
from call_coach_assets.checks.verdicts import CHECKS, verdicts
from call_coach_assets.errors import SourceUnavailableError
from call_coach_assets.settings import read_settings
from call_coach_assets.sync.entity import Column, ColumnType, Entity, SourceTable
from call_coach_assets.sync.reconciliations import LastReconciliation, ReconcileStatus
from call_coach_assets.sync.result import SyncResult

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
JUST_NOW = NOW - timedelta(minutes=10)
ENTITY = Entity(
    name="calls",
    description="Calls.",
    group="gong",
    base="gong.call",
    base_alias="c",
    tables=(SourceTable(dataset="gong", table="call", columns={"id": "STRING"}),),
    columns=(Column(name="gong_call_id", type=ColumnType.TEXT, description="Gong's id.", required=True),),
    key=("gong_call_id",),
    match=("gong_call_id",),
)
UNCHANGED = cast(Any, SimpleNamespace(missing_columns=(), unknown_columns=(), absent_tables=()))
SOURCE = SourceMeasure(
    rows=1000,
    newer=0,
    newest=JUST_NOW,
    bytes_billed=0,
    adapted=UNCHANGED,
    tables={"gong.call": cast(Any, SimpleNamespace(last_modified=JUST_NOW))},
)
RECONCILED = LastReconciliation(ReconcileStatus.EQUAL, NOW - timedelta(hours=9), "r", {"remaining": 0})
TARGET = TargetMeasure(
    rows=1000, kept_deleted=0, duplicates=0, orphans={"call_id": 0}, nulls={"gong_call_id": 0}, reconciled=RECONCILED
)
RESULT = SyncResult(entity="calls", run_id="r", checkpoint_before=JUST_NOW, checkpoint_after=JUST_NOW)
LONG_AGO = NOW - timedelta(days=2)
BEHIND = replace(RESULT, checkpoint_before=LONG_AGO, checkpoint_after=LONG_AGO)
SOUND = Evidence(
    entity=ENTITY,
    settings=read_settings(_env_file=None),
    result=RESULT,
    source_end=SOURCE,
    target_end=TARGET,
    now=NOW,
    before={CheckName.REQUIRED_NULLS: {"gong_call_id_null_share": 0.0}},
    bytes_billed=(1024**2, 1024**2),
)


def _judge(check: CheckName, evidence: Evidence) -> Verdict:
    return CHECKS[check](evidence)


def _source(**changes: Any) -> Evidence:
    return replace(SOUND, source_end=replace(SOURCE, **changes))


def _target(**changes: Any) -> Evidence:
    return replace(SOUND, target_end=replace(TARGET, **changes))


def _result(**changes: Any) -> Evidence:
    return replace(SOUND, result=replace(RESULT, **changes))


def test_every_check_passes_on_sound_evidence_and_has_a_meaning() -> None:
    assert [verdict.check for verdict in verdicts(SOUND)] == list(CheckName) == list(MEANINGS)
    assert [verdict for verdict in verdicts(SOUND) if not verdict.passed] == []


DEFECTS = {
    "a row waits": (
        CheckName.UNPUBLISHED_ROWS,
        replace(_target(rows=998), result=replace(RESULT, waiting=2)),
        False,
        "2 rows wait",
    ),
    "a dead letter": (
        CheckName.UNPUBLISHED_ROWS,
        _target(dead_letters=1, dead_letters_since=NOW - timedelta(hours=3)),
        False,
        "since 2025-03-01 09:00",
    ),
    "a new source column": (
        CheckName.SOURCE_SCHEMA,
        _result(schema_changes=("the source column mood is new",)),
        False,
        "the source column mood is new",
    ),
    "a removed source column": (
        CheckName.SOURCE_SCHEMA,
        _source(adapted=SimpleNamespace(missing_columns=("title",), unknown_columns=(), absent_tables=())),
        False,
        "no longer filled: title",
    ),
    "few rows are missing": (CheckName.ROW_COUNT_DELTA, _target(rows=995), False, "BigQuery has 5 rows more"),
    "many rows are missing": (CheckName.ROW_COUNT_DELTA, _target(rows=900), True, "100 rows more"),
    "rows that the source lacks": (CheckName.ROW_COUNT_DELTA, _target(rows=1100), True, "Postgres has 100"),
    "a duplicate": (CheckName.UNIQUE_KEYS, _target(duplicates=1), True, "more than once"),
    "an orphan": (CheckName.REFERENTIAL_INTEGRITY, _target(orphans={"call_id": 3}), True, "3 rows of call_id"),
    "a required NULL": (CheckName.REQUIRED_NULLS, _target(nulls={"gong_call_id": 1}), True, "gong_call_id"),
    "a checkpoint ahead of time": (
        CheckName.CHECKPOINT_SANITY,
        _result(checkpoint_after=NOW + timedelta(days=1)),
        True,
        "in the future",
    ),
    "a checkpoint that went back": (
        CheckName.CHECKPOINT_SANITY,
        _result(checkpoint_after=JUST_NOW - timedelta(hours=1)),
        True,
        "went back",
    ),
    "late data": (
        CheckName.DATA_FRESHNESS,
        replace(_source(newest=NOW - timedelta(minutes=90)), result=BEHIND),
        False,
        "in Postgres of 2025-02-27",
    ),
    "very late data": (
        CheckName.DATA_FRESHNESS,
        replace(_source(newest=NOW - timedelta(hours=3)), result=BEHIND),
        True,
        "in Postgres of 2025-02-27",
    ),
    "a late Fivetran": (
        CheckName.FIVETRAN_LAG,
        _source(tables={"gong.call": SimpleNamespace(last_modified=NOW - timedelta(hours=5))}),
        False,
        "Fivetran is late, not this sync",
    ),
    "never compared": (CheckName.FIDELITY, _target(reconciled=None), False, "never compared"),
    "a comparison that is overdue": (
        CheckName.FIDELITY,
        _target(reconciled=replace(RECONCILED, finished_at=NOW - timedelta(hours=49))),
        False,
        "overdue",
    ),
    "a comparison that left a difference": (
        CheckName.FIDELITY,
        _target(reconciled=replace(RECONCILED, status=ReconcileStatus.REFUSED, counts={"remaining": 200})),
        True,
        "200 rows still differ",
    ),
    "dear others": (CheckName.COST, replace(SOUND, others_usd_per_month={"a": 11.0}), False, "entities cost about 11"),
    "a dear month": (CheckName.COST, replace(SOUND, bytes_billed=(1024**4,)), False, "the budget is 10.00"),
}


@pytest.mark.covers("D5", "P29", "P35", "P36")
@pytest.mark.parametrize(("check", "evidence", "severe", "says"), DEFECTS.values(), ids=list(DEFECTS))
def test_a_defect_fails_its_check_and_no_other(check: CheckName, evidence: Evidence, severe: bool, says: str) -> None:
    failed = [verdict for verdict in verdicts(evidence) if not verdict.passed]
    assert [(verdict.check, verdict.severe) for verdict in failed] == [(check, severe)]
    assert says in failed[0].says


@pytest.mark.parametrize(
    "evidence",
    [
        pytest.param(_source(rows=1200, newer=200), id="rows that arrived after the read"),
        pytest.param(replace(_target(rows=990), result=replace(RESULT, waiting=10)), id="rows that wait"),
        pytest.param(_target(rows=990, dead_letters=10), id="dead letters"),
        pytest.param(_target(rows=1100, kept_deleted=100), id="deleted rows that the application needs"),
    ],
)
def test_rows_that_cannot_be_there_yet_are_no_delta(evidence: Evidence) -> None:
    assert _judge(CheckName.ROW_COUNT_DELTA, evidence).passed


def test_what_cannot_be_measured_is_not_called_bad_data() -> None:
    away = SourceUnavailableError("BigQuery is away", why="503", remedy="wait")
    failed = [verdict for verdict in verdicts(replace(SOUND, source_end=away)) if not verdict.passed]
    assert {verdict.check for verdict in failed} == {
        CheckName.SOURCE_SCHEMA,
        CheckName.ROW_COUNT_DELTA,
        CheckName.DATA_FRESHNESS,
        CheckName.FIVETRAN_LAG,
    }
    assert all(
        verdict.says.startswith("Could not check: BigQuery is away") and not verdict.severe for verdict in failed
    )

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from call_coach_assets.cli.rendering import PIPED_WIDTH
from call_coach_assets.cli.sync_progress import progress_on
from call_coach_assets.cli.sync_summary import interrupted, show_failures, show_summary
from call_coach_assets.orchestration.failures import EntityFailure
from call_coach_assets.orchestration.run import Progress, SyncOutcome
from call_coach_assets.sync.result import SyncResult

CALLS = SyncResult(
    entity="calls", run_id="r1", read=1200, inserted=1000, updated=150, unchanged=40, deleted=5, waiting=2,
    dead_lettered=3, duration_seconds=1.25, warnings=("column mood is new [STRING]",),
    checkpoint_after=datetime(2025, 1, 6, 8, tzinfo=UTC),
)  # fmt: skip
EMAILS = SyncResult(entity="emails", run_id="r1", skipped="gong.email is optional and absent")
FAILURE = EntityFailure(
    entity="speakers", kind="SourceMissingError", what="Reading users failed", why="no table [users]",
    remedy="let Fivetran sync it", transient=False,
)  # fmt: skip
STEPS = (
    Progress("calls", "started"),
    Progress("calls", "synced", CALLS),
    Progress("emails", "skipped", EMAILS),
    Progress("speakers", "started"),
    Progress("speakers", "failed", failure=FAILURE),
)


def outcome() -> SyncOutcome:
    names = ("calls", "emails", "speakers", "transcripts", "opportunities")
    failures = {"speakers": FAILURE, "transcripts": replace(FAILURE, entity="transcripts")}
    return SyncOutcome("r1", names, {"calls": CALLS, "emails": EMAILS}, failures)


def screen(*, terminal: bool) -> Console:
    return Console(file=StringIO(), force_terminal=terminal, width=PIPED_WIDTH, highlight=False, soft_wrap=True)


def shown(on: Console) -> str:
    assert isinstance(on.file, StringIO)
    return on.file.getvalue()


@pytest.mark.covers("P28")
def test_the_summary_has_a_line_for_each_entity_and_the_totals() -> None:
    on = screen(terminal=False)
    show_summary(on, outcome(), 2.5)
    lines = {line.split()[0]: line.split() for line in shown(on).splitlines() if line}
    assert lines["calls"] == ["calls", "1,200", "1,000", "150", "40", "5", "2", "3", "1.2", "partial"]
    assert lines["emails"][-1] == "skipped"
    assert lines["speakers"][-1] == "failed"
    assert lines["opportunities"][-2:] == ["not", "finished"]
    assert "Total: 1,200 rows read, 1,155 rows written, 8 errors, 2.5 s (run r1)" in shown(on)
    assert "calls: warning: column mood is new [STRING]" in shown(on)


@pytest.mark.covers("P12")
def test_entities_that_failed_alike_are_told_once_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    show_failures(outcome())
    told = capsys.readouterr().err
    assert told.count("Reading users failed") == 1
    assert "speakers, transcripts failed. Reading users failed: no table [users]" in told
    assert "What to do: let Fivetran sync it" in told
    assert "opportunities did not finish" in told


def test_an_interrupted_entity_did_not_finish_and_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    failures = {"calls": replace(FAILURE, entity="calls", kind="DagsterExecutionInterruptedError")}
    stopped = SyncOutcome("r1", ("calls", "emails"), failures=failures)
    assert interrupted(stopped) == ["calls"]
    show_failures(stopped)
    told = capsys.readouterr().err
    assert "calls, emails did not finish" in told
    assert "failed" not in told


@pytest.fixture
def package() -> Iterator[logging.Logger]:
    """The package's logger, as far as a test changes it."""
    logger = logging.getLogger("call_coach_assets")
    level, propagated = logger.level, logger.propagate
    logger.propagate = True
    yield logger
    logger.propagate = propagated
    logger.setLevel(level)


@pytest.mark.covers("P17")
def test_piped_progress_is_in_the_log_with_counts_duration_and_checkpoint_and_nowhere_else(
    caplog: pytest.LogCaptureFixture, package: logging.Logger
) -> None:
    on = screen(terminal=False)
    with caplog.at_level(logging.INFO, package.name), progress_on(on) as report:
        for step in STEPS:
            report(step)
    assert shown(on) == ""
    synced = next(record for record in caplog.records if record.message == "synced")
    fields = {name: getattr(synced, name) for name in ("rows_read", "rows_synced", "errors_count", "duration_seconds")}
    assert fields == {"rows_read": 1200, "rows_synced": 1155, "errors_count": 5, "duration_seconds": 1.25}
    assert synced.__dict__["checkpoint_after"] == CALLS.checkpoint_after


def test_piped_progress_is_plain_lines_where_the_log_is_quiet(package: logging.Logger) -> None:
    on = screen(terminal=False)
    package.setLevel(logging.WARNING)
    with progress_on(on) as report:
        for step in STEPS:
            report(step)
    assert shown(on).splitlines() == [
        "calls: started",
        "calls: 1,200 rows read, 1,000 inserted, 150 updated, 40 unchanged, 5 deleted, 2 waiting, 3 dead-lettered"
        " in 1.2 s",
        "emails: skipped: gong.email is optional and absent",
        "speakers: started",
        "speakers: failed: Reading users failed",
    ]


def test_progress_on_a_terminal_ends_with_a_mark_for_each_entity() -> None:
    on = screen(terminal=True)
    with progress_on(on) as report:
        for step in STEPS:
            report(step)
    assert "calls: 1,200 rows read" in shown(on)
    assert "✓" in shown(on)
    assert "✗" in shown(on)

"""What a check found: the one shape that every check returns and that the terminal renders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from call_coach_assets.errors import CallCoachError


class State(StrEnum):
    """How good a finding is; `skipped` means that an earlier error left nothing to look at."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: its name, its state, what was seen, and what to do where it is not ok."""

    name: str
    state: State
    what: str
    remedy: str = ""


def ok(name: str, what: str) -> Finding:
    """A thing that is as it should be."""
    return Finding(name, State.OK, what)


def warning(name: str, what: str, remedy: str) -> Finding:
    """A thing that a sync survives, but that somebody should know."""
    return Finding(name, State.WARNING, what, remedy)


def error(name: str, what: str, remedy: str) -> Finding:
    """A thing that makes a sync fail."""
    return Finding(name, State.ERROR, what, remedy)


def skipped(name: str, because: str) -> Finding:
    """A thing that cannot be looked at, because of an earlier finding."""
    return Finding(name, State.SKIPPED, f"not looked at: {because}")


def from_error(name: str, problem: CallCoachError) -> Finding:
    """The finding that says what an error says."""
    return error(name, f"{problem.what}: {problem.why}" if problem.why else problem.what, problem.remedy)


def failed(findings: Iterable[Finding]) -> bool:
    """Whether any of the findings is an error."""
    return any(finding.state is State.ERROR for finding in findings)

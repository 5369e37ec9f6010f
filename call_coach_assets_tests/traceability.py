"""A pytest plugin: which tests show which line of `requirements.md`, and whether they passed.

A test names its lines with `@pytest.mark.covers("P13", "E10")`; a test with an id that the list
does not have fails.
`--requirements-table PATH` writes the table, under xdist too: the ids travel with each test's report.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).with_name("requirements.md")
_LINE = re.compile(r"- \*\*(?P<id>[A-Z]\d+)\*\* (?P<text>.+)")
_PROPERTY = "covers"
_TRAILS = pytest.StashKey["Trail"]()


@cache
def read_requirements(path: Path = REQUIREMENTS) -> dict[str, str]:
    """The lines of the list: id -> text, in their order."""
    matches = map(_LINE.fullmatch, path.read_text(encoding="utf-8").splitlines())
    return {match["id"]: match["text"] for match in matches if match}


@dataclass
class Trail:
    """What the reports of a session say: test -> its lines, and test -> its worst outcome so far."""

    lines: dict[str, set[str]] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)

    def follow(self, report: pytest.TestReport) -> None:
        """Note one phase of one test: a phase that failed or was skipped outweighs those that passed."""
        test = _test_name(report.nodeid)
        covered = {line for name, lines in report.user_properties if name == _PROPERTY for line in str(lines).split()}
        if covered:
            self.lines.setdefault(test, set()).update(covered)
            rank = ("passed", "skipped", "failed")
            self.outcomes[test] = max(self.outcomes.get(test, "passed"), report.outcome, key=rank.index)

    def table(self, requirements: dict[str, str]) -> str:
        """The Markdown table: one row for each line of the list, covered or not."""
        rows = [self._row(line, text) for line, text in requirements.items()]
        return "\n".join(["| line | what it asks for | tests that show it | result |", "|---|---|---|---|", *rows, ""])

    def _row(self, line: str, text: str) -> str:
        tests = sorted(test for test, lines in self.lines.items() if line in lines)
        shown = "<br>".join(f"`{test}`" for test in tests)
        return f"| {line} | {text.replace('|', chr(92) + '|')} | {shown or '–'} | {self._result(tests)} |"

    def _result(self, tests: list[str]) -> str:
        outcomes = [self.outcomes[test] for test in tests]
        if not outcomes:
            return "**not covered**"
        bad = [f"**{outcomes.count(kind)} {kind}**" for kind in ("failed", "skipped") if kind in outcomes]
        return ", ".join(bad) or "passed"


def _test_name(nodeid: str) -> str:
    """The test without its parameters and without the folder that all tests share."""
    return nodeid.partition("[")[0].removeprefix("call_coach_assets_tests/")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--requirements-table`."""
    parser.addoption(
        "--requirements-table", type=Path, default=None, metavar="PATH", help="write which tests show which requirement"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start a trail where the reports arrive: the only process, or the one that xdist's workers report to."""
    if not hasattr(config, "workerinput"):
        config.stash[_TRAILS] = Trail()
        config.pluginmanager.register(_Reporter(config), "requirements-reporter")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Attach each test's lines to its reports."""
    for item in items:
        lines = _lines_of(item)
        if lines:
            item.user_properties.append((_PROPERTY, " ".join(sorted(lines))))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a test that names a line that the list does not have."""
    unknown = _lines_of(item) - read_requirements().keys()
    if unknown:
        names = ", ".join(sorted(unknown))
        raise pytest.UsageError(f"{item.nodeid} covers {names}, which {REQUIREMENTS} does not list")


def _lines_of(item: pytest.Item) -> set[str]:
    return {str(line) for marker in item.iter_markers("covers") for line in marker.args}


class _Reporter:
    """Follows the reports and writes the table at the end of the session."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._config.stash[_TRAILS].follow(report)

    def pytest_sessionfinish(self) -> None:
        path: Path | None = self._config.getoption("--requirements-table")
        if path is not None:
            path.write_text(self._config.stash[_TRAILS].table(read_requirements()), encoding="utf-8")

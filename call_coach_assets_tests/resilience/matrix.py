"""A pytest plugin: `--crash-matrix PATH` writes where a sync was killed, and what the next one made of it.

A test adds its row with `record_property(CRASH, "scenario | moment | rows read again")`; rows travel with the
reports, so the table is whole under xdist too.
"""

from __future__ import annotations

from pathlib import Path

import pytest

CRASH = "crash"
_HEAD = "| sync | killed at | statement under way | after the next sync |\n|---|---|---|---|\n"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--crash-matrix`."""
    parser.addoption(
        "--crash-matrix",
        type=Path,
        default=None,
        metavar="PATH",
        help="write where syncs were killed",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect rows where the reports arrive, and only if they are asked for."""
    if config.getoption("--crash-matrix") is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Matrix(config.getoption("--crash-matrix")), "crash-matrix")


class _Matrix:
    """The rows so far, in the order of the tests' names."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the row of a test's call phase."""
        for name, row in report.user_properties:
            if name == CRASH and report.when == "call":
                verdict = "equal to the source" if report.passed else "**differs**"
                self._rows[report.nodeid] = f"| {row} | {verdict} |\n"

    def pytest_sessionfinish(self) -> None:
        """Write the table."""
        self._path.write_text(_HEAD + "".join(self._rows[test] for test in sorted(self._rows)), encoding="utf-8")

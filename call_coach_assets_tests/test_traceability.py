"""The traceability plugin, run over small suites of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from call_coach_assets_tests.traceability import REQUIREMENTS, read_requirements

pytest_plugins = ["pytester"]

SUITE = """
    import pytest

    @pytest.mark.covers("P1", "E13")
    def test_good():
        pass

    @pytest.mark.covers("P1")
    @pytest.mark.parametrize("number", [1, 2])
    def test_sometimes(number):
        assert number == 1

    @pytest.mark.covers("P2")
    def test_left_out():
        pytest.skip("not today")

    def test_of_nothing():
        pass
"""
MARKER = ["-o", "markers=covers:lines", "-p", "call_coach_assets_tests.traceability", "-p", "no:cacheprovider"]


@pytest.fixture(autouse=True)
def only_this_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def rows_of(table: Path) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.strip("|\n").split(" | ")] for line in table.read_text().splitlines()]
    return {row[0]: row[1:] for row in cells[2:]}


def test_the_list_has_every_line_once() -> None:
    requirements = read_requirements()
    families = {"P": 38, "E": 13, "O": 13, "D": 9, "S": 6}
    assert list(requirements) == [f"{family}{n}" for family, many in families.items() for n in range(1, many + 1)]
    assert len(requirements) == sum(line.startswith("- **") for line in REQUIREMENTS.read_text().splitlines())


@pytest.mark.parametrize("workers", [[], ["-p", "xdist", "-n", "1"]], ids=["alone", "xdist"])
def test_the_table_says_which_tests_show_a_line_and_how_they_ended(
    pytester: pytest.Pytester, workers: list[str]
) -> None:
    pytester.makepyfile(test_suite=SUITE)
    pytester.runpytest_subprocess(*MARKER, *workers, "--requirements-table", "table.md")
    rows = rows_of(pytester.path / "table.md")
    assert list(rows) == list(read_requirements())
    both = "`test_suite.py::test_good`<br>`test_suite.py::test_sometimes`"
    assert rows["P1"] == [read_requirements()["P1"], both, "**1 failed**"]
    assert rows["E13"][1:] == ["`test_suite.py::test_good`", "passed"]
    assert rows["P2"][1:] == ["`test_suite.py::test_left_out`", "**1 skipped**"]
    assert rows["P3"][1:] == ["–", "**not covered**"]


@pytest.mark.parametrize("workers", [[], ["-p", "xdist", "-n", "1"]], ids=["alone", "xdist"])
def test_a_line_that_the_list_does_not_have_is_an_error(pytester: pytest.Pytester, workers: list[str]) -> None:
    pytester.makepyfile(test_suite='import pytest\n\n@pytest.mark.covers("P99")\ndef test_it(): pass')
    result = pytester.runpytest_subprocess(*MARKER, *workers)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*covers P99, which *requirements.md does not list*"])

"""The benchmark still runs: what it measures must not change under it unnoticed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from call_coach_assets.local.emulator import EmulatorAddress
from call_coach_assets_bench.bench import Bench
from call_coach_assets_bench.contest import ratio
from call_coach_assets_bench.document import BEGIN, END, write_sections
from call_coach_assets_bench.ends import Ends, postmaster_of
from call_coach_assets_bench.figures import load
from call_coach_assets_bench.jobs import loaders
from call_coach_assets_bench.launch import JobFailedError, in_child, in_this_process
from call_coach_assets_bench.section import Section


def test_the_project_and_the_limit_load_the_same_rows_side_by_side(postgres_url: str, tmp_path: Path) -> None:
    ends = Ends(tmp_path, postgres_url, postmaster_of(postgres_url), EmulatorAddress(os.getpid(), "", ""))
    section = load.measure(Bench(ends, in_this_process, rounds=1, rows=(500,)))
    costs, aims = section.tables
    assert [row[0] for row in costs.rows] == [
        f"{name}, 500" for name in ("COPY", "COPY, two connections", "project", "project, one transaction")
    ]
    assert all(float(cell) > 0 for row in costs.rows for cell in row[2:3])
    assert [row[0] for row in aims.rows] == ["CPU over COPY's, 500", "wall over COPY's, 500"]


def test_a_contestant_that_fails_says_why() -> None:
    with (
        pytest.raises(JobFailedError, match="No such file or directory: 'nothing'"),
        in_child(loaders.copy_binary, url="", files=["nothing"]),
    ):
        pass


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    assert str(ratio([2.0, 3.0, 8.0], [1.0, 2.0, 2.0])) == "2.00 (1.50–4.00)"


def test_a_figure_replaces_itself_and_leaves_those_of_the_same_machine(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n\n{BEGIN}\n{END}\n\nafter\n")
    first, second, again = (Section(name, "title", text, []) for name, text in (("a", "1"), ("b", "2"), ("a", "3")))
    write_sections([first, second], "machine", "ab", document)
    write_sections([again], "machine", "ab", document)
    kept = f"before\n\n{BEGIN}\n\nmachine\n\n### a: title\n\n3\n\n### b: title\n\n2\n\n{END}\n\nafter\n"
    assert document.read_text() == kept
    write_sections([second], "another", "ab", document)
    assert "### a" not in document.read_text()

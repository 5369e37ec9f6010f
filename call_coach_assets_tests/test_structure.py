"""What keeps the code small, and its stages apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PACKAGES = ("call_coach_assets", "call_coach_assets_tests", "call_coach_assets_bench")
STAGES = ("extract", "conform", "land", "publish", "reconcile")


@pytest.mark.covers("S3")
@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_is_longer_than_200_lines(package: str) -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in (PROJECT / package).rglob("*.py")}
    assert lengths
    assert {str(path): length for path, length in lengths.items() if length > 200} == {}


@pytest.mark.covers("S3")
def test_no_function_is_more_complex_than_nine() -> None:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "C901", "--output-format", "concise"]
    found = subprocess.run([*command, *PACKAGES], check=False, cwd=PROJECT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


@pytest.mark.covers("S4")
def test_each_stage_stands_alone_and_none_knows_dagster() -> None:
    modules = ", ".join(f"call_coach_assets.sync.{stage}" for stage in STAGES)
    code = (
        f"import sys, {modules}; print([name for name in sys.modules if name.partition('.')[0].startswith('dagster')])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"

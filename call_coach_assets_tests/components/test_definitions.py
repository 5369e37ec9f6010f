"""What Dagster loads, and that loading it needs and does nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from call_coach_assets_tests.components.snapshot import snapshot

SNAPSHOT = Path(__file__).parent / "definitions.yaml"
UPDATE = "UPDATE_SNAPSHOTS"
PROJECT = Path(__file__).parents[2]
HEAVY = ("dlt", "pyarrow", "pandas", "google.cloud.bigquery", "dagster_gcp", "sqlalchemy.dialects.postgresql.psycopg2")
LOADER = f"""
import socket, sys
def refuse(*arguments): raise AssertionError(f"loading opened a connection: {{arguments}}")
socket.socket.connect = refuse
from call_coach_assets.definitions import defs
print(sorted(key.to_user_string() for key in defs().resolve_asset_graph().executable_asset_keys))
print([module for module in {HEAVY!r} if module in sys.modules])
"""


@pytest.mark.covers("D1", "D2", "D3")
def test_assets_checks_jobs_schedules_and_sensors_are_as_recorded() -> None:
    """`UPDATE_SNAPSHOTS=1` records them anew, for a person to look at before it is committed."""
    text = yaml.safe_dump(snapshot(), sort_keys=False, allow_unicode=True, width=110)
    if os.environ.get(UPDATE):
        SNAPSHOT.write_text(text, encoding="utf-8")
    assert yaml.safe_load(text) == yaml.safe_load(SNAPSHOT.read_text(encoding="utf-8")), f"run with {UPDATE}=1"


@pytest.mark.covers("P37", "S2")
def test_loading_needs_no_variable_and_no_network_and_makes_no_file(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}
    loaded = subprocess.run(
        [sys.executable, "-c", LOADER], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert loaded.returncode == 0, loaded.stderr
    assets, heavy = loaded.stdout.splitlines()
    assert assets == "['call_opportunities', 'calls', 'emails', 'opportunities', 'speakers', 'transcripts']"
    assert heavy == "[]", "what costs time to import is imported by the step that needs it"
    assert loaded.stderr == "", "no warning greets who loads the definitions"
    assert list(tmp_path.iterdir()) == []

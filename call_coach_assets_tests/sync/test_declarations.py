"""What a folder under defs/ may say, and what is said of one that is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from call_coach_assets.errors import ConfigurationError
from call_coach_assets.sync.declarations import DEFS_FOLDER, load_entities, load_entity

SIX = {"calls", "speakers", "transcripts", "opportunities", "call_opportunities", "emails"}


@pytest.fixture
def defs(tmp_path: Path) -> Path:
    """A copy of the project's declarations."""
    return Path(shutil.copytree(DEFS_FOLDER, tmp_path / "defs"))


@pytest.mark.covers("S1", "D1", "D2")
def test_the_six_are_declared_parents_before_children() -> None:
    entities = load_entities()
    assert set(entities) >= SIX
    seen: set[str] = set()
    for name, entity in entities.items():
        assert {*entity.depends_on, *(r.entity for r in entity.references)} <= seen
        assert all(column.description for column in entity.columns)
        seen.add(name)


def test_their_order_is_the_same_in_every_process() -> None:
    code = "from call_coach_assets.sync.declarations import load_entities; print(*load_entities(check_queries=False))"
    orders = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(orders) == 1


YAML_MISTAKES = [
    ("type: timestamp", "type: datetime", ["line 6", "columns.2.type", "'timestamp'", "'text'"]),
    ("  base_alias: c", "  base_alas: c", ["base_alas", "no such field", "base_alias", "base_alias: Field required"]),
    ("placement: initial", "placment: initial", ["columns.6.placment", "no such field", "placement"]),
    ("key: [gong_call_id]", "key: [call_id]", ["key names call_id, which is not declared", "gong_call_id"]),
    ("match: [gong_call_id]", "match: [nothing]", ["match names nothing"]),
    ("base: gong.call\n", "base: gong.calls\n", ["base names gong.calls", "gong.call_speaker"]),
    ("  group: gong", "  group: gong\n  group: other", ["line 6 repeats the key group"]),
    ("  group: gong", "  group: [gong", ["is no YAML", "line 6"]),
    ("  group: gong", "  query: SELECT 1\n  group: gong", ["query.sql beside it"]),
    ("SyncedEntity", "SyncedEntitty", ["type must be call_coach_assets.components.SyncedEntity"]),
    ("name: title, type: text", "name: Title, type: text", ["columns.1.name", "pattern"]),
    ("presence: optional", "presence: maybe", ["tables.2.presence", "'required' or 'optional'"]),
    ("optional_columns: [workspace_id", "optional_columns: [workspace", ["optional_columns names workspace,"]),
    (
        "  match: [gong_call_id]",
        "  match: [gong_call_id]\n  depends_on: [cals]",
        ["no entity is called cals", "speakers"],
    ),
    (
        "  match: [gong_call_id]",
        "  match: [gong_call_id]\n  depends_on: [speakers]",
        ["in a circle", "calls", "speakers"],
    ),
]


@pytest.mark.covers("S1")
@pytest.mark.parametrize(("written", "mistaken", "told"), YAML_MISTAKES)
def test_a_mistake_in_the_yaml_is_named_with_its_file_and_what_is_allowed(
    defs: Path, written: str, mistaken: str, told: list[str]
) -> None:
    _replace(defs / "calls" / "defs.yaml", written, mistaken)
    with pytest.raises(ConfigurationError) as raised:
        load_entities(defs, check_queries=False)
    message = str(raised.value)
    assert "circle" in message or str(defs / "calls" / "defs.yaml") in message
    assert [part for part in told if part not in message] == []


SQL_MISTAKES = [
    ("SELECT\n  v.gong_call_id,", "SELECT\n  (v.gong_call_id,", ["cannot be read", "line"]),
    (
        "FROM gong.call AS c\nCROSS",
        "FROM gong.cal AS c\nCROSS",
        ["reads the table gong.cal", "declared: gong.call, gong.c"],
    ),
    ("c.purpose", "c.purpos", ["reads purpos of gong.call, which is not declared"]),
    ("c.purpose", "x.purpose", ["x.purpose is qualified with no alias"]),
    ("c.purpose", "purpose", ["purpose is qualified with no alias"]),
    ("AS call_type", "AS call_typ", ["does not yield call_type", "yields call_typ, which is not declared"]),
    ("_rejected", "_reject", ["does not yield _rejected"]),
    ("@cursor", "CURRENT_TIMESTAMP()", ["compares nothing with @cursor"]),
    (
        "gong.call_participant",
        "gong.call_speaker",
        ["never reads gong.call_participant", "reads name of gong.call_speaker"],
    ),
    ("gong.call AS c\nCROSS", "gong.call_speaker AS c\nCROSS", ["does not read the base gong.call AS c"]),
    ("WHERE c._fivetran_synced >= @cursor OR c._fivetran_synced IS NULL OR r.changed", "", ["last SELECT has no"]),
    ("WITH\n", "WITH RECURSIVE\n;", ["cannot be read"]),
]


@pytest.mark.parametrize(("written", "mistaken", "told"), SQL_MISTAKES)
def test_a_query_that_does_not_fit_its_declaration_is_refused_with_what_differs(
    defs: Path, written: str, mistaken: str, told: list[str]
) -> None:
    _replace(defs / "calls" / "query.sql", written, mistaken)
    with pytest.raises(ConfigurationError) as raised:
        load_entity(defs / "calls")
    message = str(raised.value)
    assert [part for part in [str(defs / "calls" / "query.sql"), *told] if part not in message] == []


def test_a_folder_without_its_query_is_refused(defs: Path) -> None:
    (defs / "emails" / "query.sql").unlink()
    with pytest.raises(ConfigurationError, match=r"emails/query\.sql is wrong: it cannot be read"):
        load_entities(defs)


def test_a_name_or_a_reference_that_does_not_fit_another_folder_is_refused(defs: Path) -> None:
    _replace(defs / "transcripts" / "defs.yaml", "by: [gong_call_id, gong_speaker_id]", "by: [gong_speaker_id]")
    with pytest.raises(
        ConfigurationError, match=r"one column for each of speakers's key \(gong_call_id, gong_speaker_id\)"
    ):
        load_entities(defs, check_queries=False)
    shutil.copytree(defs / "calls", defs / "more_calls")
    with pytest.raises(ConfigurationError, match="the name calls is taken by"):
        load_entities(defs, check_queries=False)


def _replace(file: Path, written: str, mistaken: str) -> None:
    text = file.read_text()
    assert written in text
    file.write_text(text.replace(written, mistaken))

from pathlib import Path
from types import SimpleNamespace

import pytest

from call_coach_assets.diagnosis import machine
from call_coach_assets.diagnosis.finding import State
from call_coach_assets.diagnosis.machine import find_disk_space, find_gong_variables


@pytest.mark.covers("P38")
def test_leftover_gong_variables_are_named_and_their_values_are_not(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("# GONG_API_OLD=1\nexport GONG_API_SECRET=hush-hush\nDATABASE_URL=postgresql://h/d\n")

    finding = find_gong_variables({"GONG_API_KEY": "top-secret", "PATH": "/bin"}, dotenv)

    assert finding.state is State.WARNING
    assert "GONG_API_KEY, GONG_API_SECRET are set" in finding.what
    assert "GONG_API_OLD" not in finding.what
    assert "top-secret" not in f"{finding}"
    assert "hush-hush" not in f"{finding}"
    assert "Fivetran" in finding.remedy


def test_an_environment_without_gong_variables_is_fine(tmp_path: Path) -> None:
    assert find_gong_variables({"PATH": "/bin"}, tmp_path / "none").state is State.OK


@pytest.mark.parametrize(
    ("gigabytes", "state"), [(100, State.OK), (1, State.WARNING), (0.1, State.ERROR)], ids=["plenty", "little", "none"]
)
def test_the_room_for_load_packages_is_judged(
    gigabytes: float, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=gigabytes * machine.GIB))
    assert find_disk_space(tmp_path).state is state


def test_a_folder_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    finding = find_disk_space(tmp_path / "gone")
    assert finding.state is State.ERROR
    assert str(tmp_path / "gone") in finding.what
    assert "TMPDIR" in finding.remedy

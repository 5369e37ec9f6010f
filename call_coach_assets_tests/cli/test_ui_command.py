import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from call_coach_assets.cli.program import program


class ReplacedError(Exception):
    """Stands for the process that the UI would have become."""


def test_the_ui_is_dagsters_own_with_a_home_for_its_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def become(path: str, arguments: list[str]) -> None:
        raise ReplacedError(path, arguments, os.environ["DAGSTER_HOME"])

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setattr(os, "execv", become)
    with pytest.raises(ReplacedError) as replaced:
        CliRunner().invoke(program.get_command(None, "ui"), ["--port", "3210"], catch_exceptions=False)  # type: ignore[arg-type,type-var]
    path, arguments, home = replaced.value.args
    assert path == sys.executable
    assert arguments[1:4] == ["-m", "dagster", "dev"]
    assert arguments[-1] == "3210"
    assert arguments[arguments.index("--host") + 1] == "127.0.0.1", "nobody else on the network sees it"
    workspace = Path(arguments[arguments.index("--workspace") + 1])
    assert workspace.is_file()
    assert home == str(tmp_path)

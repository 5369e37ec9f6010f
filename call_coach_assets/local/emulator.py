"""A BigQuery emulator in a process of its own, on loopback: started, found again, ended."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from call_coach_assets.errors import SourceUnavailableError
from call_coach_assets.local.dependencies import package_folder
from call_coach_assets.local.process import end, is_running

_START_SECONDS = 60.0


@dataclass(frozen=True)
class EmulatorAddress:
    """Where an emulator listens: `rest` is http://host:port, `grpc` (the Storage API) is host:port."""

    pid: int
    rest: str
    grpc: str


def start_emulator(folder: Path, *, memory: bool = False, tied: bool = False) -> EmulatorAddress:
    """Start the emulator whose data are in `folder`, or find it running.

    `memory` keeps no data; `tied` ends it with this process. Raises SourceUnavailableError where it does not start.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    running = emulator_address(folder)
    if running is not None:
        return running
    package_folder("bqemulator")
    (folder / "address.json").unlink(missing_ok=True)
    options = [*(["--memory"] if memory else []), *(["--tied"] if tied else [])]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__ + "_server", str(folder), *options],
            stdin=subprocess.PIPE if tied else subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    return _wait_until_answering(folder, process)


def stop_emulator(folder: Path) -> None:
    """End the emulator of `folder`; do nothing where none runs."""
    address = _announced(folder.absolute())
    if address is not None and is_running(address.pid, str(folder.absolute())):
        end(address.pid, str(folder.absolute()))


def emulator_address(folder: Path) -> EmulatorAddress | None:
    """Where the emulator of `folder` listens, None where it does not answer."""
    address = _announced(folder.absolute())
    if address is None or not is_running(address.pid, str(folder.absolute())):
        return None
    return address if _answers(address) else None


def _announced(folder: Path) -> EmulatorAddress | None:
    try:
        return EmulatorAddress(**json.loads((folder / "address.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _answers(address: EmulatorAddress) -> bool:
    try:
        with urlopen(f"{address.rest}/healthz", timeout=10) as response:  # noqa: S310 - always http on loopback
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def _wait_until_answering(folder: Path, process: subprocess.Popen[bytes]) -> EmulatorAddress:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        address = emulator_address(folder)
        if address is not None:
            return address
        time.sleep(0.05)
    process.kill()
    raise SourceUnavailableError(
        "The BigQuery emulator does not start",
        why=f"it ended with status {process.wait()} or does not answer after {_START_SECONDS:.0f} s",
        remedy=f"read server.log in {folder}; `make reset` starts from nothing",
    )

"""The sink that is always there: a file of JSON lines, one emission each, rotated and bounded."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable
from pathlib import Path

from call_coach_assets.reporting.prefect.objects import Emission

NAME = "metadata.jsonl"
LARGEST = 10 * 1024 * 1024  # bytes of one file
KEPT = 5  # files beside the current one


def line(emission: Emission) -> str:
    """An emission as one line of JSON: its id, kind, Dagster run, time, and the object as Prefect's API takes it."""
    told = {"id": emission.id, "kind": emission.kind, "dagster_run_id": emission.run_id, "at": emission.at.isoformat()}
    return json.dumps(told | {"body": emission.body}, ensure_ascii=False, default=str)


def append(folder: Path, emissions: Iterable[Emission]) -> None:
    """Append to `folder`/metadata.jsonl, one process at a time; raises OSError where the disk refuses."""
    text = "".join(f"{line(emission)}\n" for emission in emissions)
    if not text:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = folder / NAME
        if path.exists() and path.stat().st_size + len(text) > LARGEST:
            _rotate(path)
        with path.open("a", encoding="utf-8") as file:
            file.write(text)


def _rotate(path: Path) -> None:
    for number in range(KEPT - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))

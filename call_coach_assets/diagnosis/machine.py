"""What can be seen on this machine alone: leftovers in the environment, and room on the disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from call_coach_assets.diagnosis.finding import Finding, error, ok, warning

GIB = 1024**3
ROOM_WANTED = 2 * GIB  # a backfill of the largest table, twice over
ROOM_NEEDED = GIB // 4  # one hourly run


def find_gong_variables(environment: Mapping[str, str], dotenv: Path = Path(".env")) -> Finding:
    """Warn of `GONG_API_*` variables, by name only: nothing here talks to Gong; a key that lies about can only leak."""
    names = {name for name in (*environment, *_names_in(dotenv)) if name.upper().startswith("GONG_API_")}
    if not names:
        return ok("Gong API", "no GONG_API_* variable is set; rows come from BigQuery alone")
    return warning(
        "Gong API",
        f"{', '.join(sorted(names))} {'is' if len(names) == 1 else 'are'} set, and never read",
        "remove from the environment and from .env, and revoke the key at Gong: Fivetran holds its own",
    )


def find_disk_space(folder: Path | None = None) -> Finding:
    """Look at the room where load packages are written, for the length of a run: `folder`, or the temporary one."""
    place = folder or Path(tempfile.gettempdir())
    try:
        free = shutil.disk_usage(place).free
    except OSError as problem:
        return error("disk", f"{place} cannot be read: {problem.strerror}", "set TMPDIR to a folder that exists")
    if not os.access(place, os.W_OK):
        return error("disk", f"{place} cannot be written", "set TMPDIR to a folder that can be written")
    room = f"{free / GIB:.1f} GiB free in {place}"
    if free < ROOM_NEEDED:
        return error("disk", room, "make room, or set TMPDIR to a larger disk: load packages are written there")
    if free < ROOM_WANTED:
        return warning("disk", room, "enough for hourly runs; a first sync of a long history may want 2 GiB")
    return ok("disk", room)


def _names_in(dotenv: Path) -> list[str]:
    try:
        lines = dotenv.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    named = (line.removeprefix("export ").split("=", 1)[0].strip() for line in lines if "=" in line)
    return [name for name in named if not name.startswith("#")]

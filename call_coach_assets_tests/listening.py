"""Where processes listen for TCP, read from /proc."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LOOPBACK = frozenset({"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"})
_LISTENS = "0A"


def listening_addresses(process: int) -> list[str]:
    """The addresses at which a process listens, as /proc/net/tcp and tcp6 spell them."""
    inodes = set()
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with suppress(OSError):
            inodes.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            parts = line.split()
            if parts[3] == _LISTENS and parts[9] in inodes:
                found.append(parts[1].partition(":")[0])
    return found


def descendants(process: int) -> Iterator[int]:
    """The processes that a process started, and those that these started."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == process:
                yield int(folder.name)
                yield from descendants(int(folder.name))

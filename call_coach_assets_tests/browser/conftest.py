"""The Dagster UI over a stack with a history: good runs, one with bad data, one in which an entity failed."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright

from call_coach_assets.local.databases import create_database, drop_database
from call_coach_assets.local.sample import sample_tables
from call_coach_assets_tests.browser.history import Scene, make_history
from call_coach_assets_tests.orchestration.conftest import Stack
from call_coach_assets_tests.orchestration.live import CALL_COACH, PROJECT, history_of, running, wait_for
from call_coach_assets_tests.warehouse import Warehouse

PICTURES = PROJECT / "docs" / "pictures"
START_SECONDS = 180
ENTITIES = ("calls", "speakers", "transcripts", "opportunities", "call_opportunities", "emails")
PATIENCE_MS = 60_000
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")


@pytest.fixture(scope="session")
def scene(postgres_url: str, emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Both ends with the sample, and nothing synced yet."""
    home = tmp_path_factory.mktemp("browser")
    (home / "dagster.yaml").symlink_to(PROJECT / "dagster.yaml")
    warehouse = Warehouse(emulator, "prefect-data-warehouse")
    warehouse.now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)
    warehouse.load(sample_tables(60, newest=warehouse.now, monologues=30))
    stack = Stack(warehouse, create_database(postgres_url, "call_coach", template="application"), home)
    create_database(postgres_url, "call_coach_dagster")
    with history_of(stack) as instance:
        yield Scene(stack, instance)
    warehouse.client.close()
    for name in ("call_coach", "call_coach_dagster"):
        drop_database(postgres_url, name)


@pytest.fixture(scope="session")
def ui(scene: Scene) -> Iterator[str]:
    """The address of the UI, which runs with its daemon, on a schedule of one minute until somebody switches it off."""
    make_history(scene)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    command = [CALL_COACH, "ui", "--port", port]
    environment = {**scene.stack.environment, "SYNC_CRON": "* * * * *", "DAGSTER_UI_URL": address}
    with running(command, environment, scene.stack.home / "ui.log") as process:
        wait_for(lambda: _answers(address, process), START_SECONDS, "the UI")
        yield address


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the UI ended"
    try:
        return requests.get(f"{address}/server_info", timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium, headless."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert executable, "install chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=[*FLAGS])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page."""
    opened = browser.new_page(viewport={"width": 1500, "height": 950})
    opened.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield opened
    opened.close()


def picture(page: Page, name: str, *, drawn_in: float = 1.5) -> None:
    """Write what the page shows to the docs, `drawn_in` seconds after the last of it was found."""
    page.wait_for_timeout(drawn_in * 1000)
    page.screenshot(path=PICTURES / f"{name}.png")

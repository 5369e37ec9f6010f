"""The Dagster UI on an embedded stack of its own, after a first sync and a second one that has something to tell."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, sync_playwright

PROJECT = Path(__file__).parents[2]
PICTURES = PROJECT / "docs" / "pictures"
CALL_COACH = Path(sys.executable).with_name("call-coach")
START_SECONDS = 180
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")


@pytest.fixture(scope="session")
def stack_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of an embedded stack with two finished runs."""
    folder = tmp_path_factory.mktemp("browser")
    home = folder / "dagster"
    home.mkdir()
    shutil.copy(PROJECT / "dagster.yaml", home)
    environment = {
        **os.environ,
        "CALL_COACH_PROFILE": "local",
        "CALL_COACH_LOCAL_DIR": str(folder / "stack"),
        "DAGSTER_HOME": str(home),
    }
    try:
        for _ in range(2):
            subprocess.run([CALL_COACH, "sync"], env=environment, cwd=PROJECT, check=True)
        yield environment
    finally:
        subprocess.run([CALL_COACH, "local", "reset"], env=environment, cwd=PROJECT, check=True)


@pytest.fixture(scope="session")
def ui(stack_environment: dict[str, str]) -> Iterator[str]:
    """The address of the running UI."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([CALL_COACH, "ui", "--port", str(port)], env=stack_environment, cwd=PROJECT)
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the UI ended"
        try:
            if requests.get(f"{address}/server_info", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.5)
    raise AssertionError(f"the UI did not come up in {START_SECONDS} s")


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
    opened.set_default_timeout(60_000)
    yield opened
    opened.close()


def picture(page: Page, name: str) -> None:
    """Write what the page shows to the docs."""
    page.wait_for_timeout(1500)
    page.screenshot(path=PICTURES / f"{name}.png")

"""A sync as a Prefect user sees it, in Prefect's own UI."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from call_coach_assets_tests.browser.conftest import ENTITIES, picture
from call_coach_assets_tests.browser.history import MEND_EMAILS, Scene
from call_coach_assets_tests.orchestration.live import CALL_COACH, PROJECT, wait_for
from call_coach_assets_tests.reporting.prefect_server import PrefectServer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def prefect(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server that was told of a sync of all six entities, each in a process of its own."""
    server = PrefectServer(tmp_path_factory.mktemp("prefect"), ui=True)
    server.start()
    told = {**os.environ, **scene.stack.environment, "PREFECT_API_URL": server.url, "SYNC_EXECUTOR": "multiprocess"}
    scene.tamper(MEND_EMAILS)
    try:
        for command in (["prefect", "adopt"], ["sync"], ["prefect", "push"]):
            subprocess.run([CALL_COACH, *command], env=told, cwd=PROJECT, check=True)
        wait_for(lambda: len(server.filtered("task_runs")) >= len(ENTITIES), 60, "the task runs")
        yield server
    finally:
        server.stop()


@pytest.mark.covers("D6")
def test_a_sync_is_a_flow_run_with_a_task_run_for_each_entity_and_its_artifacts(
    page: Page, prefect: PrefectServer
) -> None:
    run = max(prefect.filtered("flow_runs"), key=lambda found: found["created"])
    page.set_viewport_size({"width": 1500, "height": 1130})
    page.goto(f"{prefect.url.removesuffix('/api')}/runs/flow-run/{run['id']}")
    expect(page.get_by_text(run["name"]).first).to_be_visible()
    page.locator("#task-runs").click()
    for entity in ENTITIES:
        expect(page.get_by_role("link", name=entity, exact=True).first).to_be_visible()
    picture(page, "prefect-flow-run", drawn_in=6)
    page.set_viewport_size({"width": 1500, "height": 950})
    page.locator("#artifacts").click()
    for artifact in ("run-summary", "row-counts", "asset-checks"):
        expect(page.get_by_text(artifact, exact=True)).to_be_visible()
    picture(page, "prefect-artifacts")
    page.get_by_text("row-counts", exact=True).click()
    page.get_by_text("dead-lettered").wait_for()
    for entity in ENTITIES:
        expect(page.get_by_text(entity, exact=True)).to_be_visible()
    picture(page, "prefect-row-counts")

"""A sync as a Prefect user sees it, in Prefect's own UI."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from call_coach_assets_tests.browser.conftest import CALL_COACH, PROJECT, picture
from call_coach_assets_tests.reporting.prefect_server import PrefectServer
from call_coach_assets_tests.reporting.toy_runs import until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def prefect(stack_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server that was told of a sync of all six entities."""
    server = PrefectServer(tmp_path_factory.mktemp("prefect"), ui=True)
    server.start()
    try:
        told = {**_both_ends(stack_environment), "PREFECT_API_URL": server.url}
        subprocess.run([CALL_COACH, "prefect", "adopt"], env=told, cwd=PROJECT, check=True)
        subprocess.run([CALL_COACH, "sync"], env=told, cwd=PROJECT, check=True)
        subprocess.run([CALL_COACH, "prefect", "push"], env=told, cwd=PROJECT, check=True)
        until(lambda: len(server.filtered("task_runs")) >= 6, 60)
        yield server
    finally:
        server.stop()


def _both_ends(environment: dict[str, str]) -> dict[str, str]:
    """The embedded stack as settings, since its profile tells nobody outside."""
    command = [CALL_COACH, "local", "env"]
    printed = subprocess.run(command, env=environment, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    pairs = (line.removeprefix("export ").partition("=") for line in printed.splitlines())
    ends = {name: value.strip("'") for name, _, value in pairs}
    return {**environment, **ends, "CALL_COACH_PROFILE": ""}


@pytest.mark.covers("D6")
def test_a_sync_is_a_flow_run_with_a_task_run_for_each_entity(page: Page, prefect: PrefectServer) -> None:
    run = max(prefect.filtered("flow_runs"), key=lambda found: found["created"])
    page.goto(f"{prefect.url.removesuffix('/api')}/runs/flow-run/{run['id']}")
    expect(page.get_by_text(run["name"]).first).to_be_visible()
    for entity in ("calls", "speakers", "transcripts", "opportunities", "call_opportunities", "emails"):
        expect(page.get_by_text(entity, exact=True).first).to_be_visible()
    picture(page, "prefect-flow-run")
    page.get_by_role("tab", name="Artifacts").or_(page.get_by_text("Artifacts", exact=True)).last.click()
    expect(page.get_by_text("row-counts").first).to_be_visible()
    picture(page, "prefect-artifacts")

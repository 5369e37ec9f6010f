"""The Dagster UI as an operator sees it after some hours, in the order in which these tests stand."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from dagster._core.scheduler.instigation import TickStatus
from playwright.sync_api import Page, expect

from call_coach_assets.orchestration.jobs import SYNC_ALL
from call_coach_assets.orchestration.sync_health import KEY, RUN
from call_coach_assets_tests.browser.conftest import ENTITIES, picture
from call_coach_assets_tests.browser.history import Scene
from call_coach_assets_tests.orchestration.live import (
    ended,
    held,
    runs,
    switch_off,
    ticks,
    under_way,
    wait_for,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
SCHEDULE = "sync_hourly"
SLOW_MINUTE = 180.0


@pytest.mark.covers("D4", "P20", "P22")
def test_the_schedule_shows_the_tick_that_was_skipped_and_why(page: Page, ui: str, scene: Scene) -> None:
    run = wait_for(lambda: under_way(scene.instance, SYNC_ALL), SLOW_MINUTE, "a run of the schedule")
    with held(run):
        wait_for(
            lambda: [tick for tick in ticks(scene.instance, SCHEDULE) if tick.status is TickStatus.SKIPPED],
            SLOW_MINUTE,
            "a tick that is skipped",
        )
        page.goto(f"{ui}/locations/call_coach_assets/schedules/{SCHEDULE}")
        expect(page.get_by_text("Every minute").first).to_be_visible()
        page.get_by_role("button", name="0 runs requested").first.click()
        expect(page.get_by_text(f"Run {run.dagster_run.run_id} of {SYNC_ALL} is still started").first).to_be_visible()
        picture(page, "schedule")
        switch_off(scene.instance, SCHEDULE)
    wait_for(lambda: ended(runs(scene.instance, SYNC_ALL)[0]), SLOW_MINUTE, "the end of the run")


@pytest.mark.covers("D1", "D2", "D7")
def test_the_asset_graph_shows_six_assets_between_their_sources_and_each_other(page: Page, ui: str) -> None:
    groups = ",".join(f"global@global:{group}" for group in ("gong", "salesforce", "operations"))
    page.set_viewport_size({"width": 1700, "height": 1250})
    page.goto(f"{ui}/asset-groups?expanded={quote(groups, safe='')}")
    for entity in (*ENTITIES, KEY.to_user_string()):
        expect(page.get_by_text(entity, exact=True).first).to_be_visible()
    picture(page, "asset-graph", drawn_in=4)


def test_an_asset_page_tells_its_story(page: Page, ui: str) -> None:
    page.goto(f"{ui}/assets/calls?view=overview")
    expect(page.get_by_text("gong_call_id").first).to_be_visible()
    expect(page.get_by_text("Columns").first).to_be_visible()
    picture(page, "asset-overview")


@pytest.mark.covers("P18")
def test_an_asset_page_plots_what_its_runs_did(page: Page, ui: str) -> None:
    page.set_viewport_size({"width": 1500, "height": 1700})
    page.goto(f"{ui}/assets/transcripts?view=overview")
    page.get_by_role("button", name="Plots").click()
    for label in ("duration_seconds", "lag_seconds", "rows_synced", "cost_usd_per_month"):
        expect(page.get_by_text(label, exact=True)).to_be_attached()
    page.get_by_text("cost_usd_per_month", exact=True).evaluate("label => label.scrollIntoView()")
    picture(page, "asset-plots", drawn_in=4)


@pytest.mark.covers("D5", "D8", "P29")
def test_the_checks_page_shows_what_passes_what_fails_and_since_when(page: Page, ui: str) -> None:
    page.goto(f"{ui}/assets/transcripts?view=checks")
    for check in ("unpublished_rows", "unique_keys", "fidelity"):
        expect(page.get_by_text(check).first).to_be_visible()
    page.get_by_text("row_count_delta").first.click()
    expect(page.get_by_text("rows more than Postgres").first).to_be_visible()
    expect(page.get_by_text("delta_share", exact=True).last).to_be_visible()
    picture(page, "asset-checks", drawn_in=4)


@pytest.mark.covers("P18", "D8")
def test_sync_health_shows_all_six_at_a_glance_with_sparklines(page: Page, ui: str, scene: Scene) -> None:
    last = runs(scene.instance, SYNC_ALL)[0].dagster_run.run_id
    wait_for(lambda: _reported_run(scene) == last, SLOW_MINUTE, "the report on the last run")
    page.set_viewport_size({"width": 1700, "height": 1000})
    page.goto(f"{ui}/assets/{KEY.to_user_string()}?view=events")
    expect(page.get_by_text("Not synced: emails").first).to_be_visible()
    for entity in ENTITIES:
        expect(page.get_by_text(entity, exact=True).first).to_be_visible()
    expect(page.get_by_text("FAILING: row_count_delta").first).to_be_visible()
    picture(page, "sync-health")
    page.get_by_text("Show Markdown").first.click()
    expect(page.get_by_text("Sparklines: the last runs").first).to_be_visible()
    picture(page, "sync-health-report")


def _reported_run(scene: Scene) -> object:
    event = scene.instance.get_latest_materialization_event(KEY)
    told = event.asset_materialization if event else None
    return told.metadata[RUN].value if told else None

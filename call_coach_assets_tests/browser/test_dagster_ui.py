"""The Dagster UI as an operator sees it after two syncs."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from call_coach_assets_tests.browser.conftest import picture

pytestmark = pytest.mark.browser
ENTITIES = ("calls", "speakers", "transcripts", "opportunities", "call_opportunities", "emails")


@pytest.mark.covers("D1", "D2", "D7")
def test_the_asset_graph_shows_six_assets_between_their_sources_and_each_other(page: Page, ui: str) -> None:
    groups = ",".join(f"global@global:{group}" for group in ("gong", "salesforce"))
    page.set_viewport_size({"width": 1600, "height": 1200})
    page.goto(f"{ui}/asset-groups?expanded={quote(groups, safe='')}")
    for entity in ENTITIES:
        expect(page.get_by_text(entity, exact=True).first).to_be_visible()
    picture(page, "asset-graph")


def test_an_asset_page_tells_its_story(page: Page, ui: str) -> None:
    page.goto(f"{ui}/assets/calls?view=overview")
    expect(page.get_by_text("gong_call_id").first).to_be_visible()
    expect(page.get_by_text("Columns").first).to_be_visible()
    picture(page, "asset-overview")


@pytest.mark.covers("D8")
def test_the_checks_page_shows_the_verdicts_of_the_last_run(page: Page, ui: str) -> None:
    page.goto(f"{ui}/assets/calls?view=checks")
    for check in ("row_count_delta", "unpublished_rows", "unique_keys"):
        expect(page.get_by_text(check).first).to_be_visible()
    picture(page, "asset-checks")


@pytest.mark.covers("D4", "P20")
def test_the_hourly_schedule_is_on(page: Page, ui: str) -> None:
    page.goto(f"{ui}/locations/call_coach_assets/schedules/sync_hourly")
    expect(page.get_by_text("sync_hourly").first).to_be_visible()
    expect(page.get_by_text("Every hour").first).to_be_visible()
    picture(page, "schedule")

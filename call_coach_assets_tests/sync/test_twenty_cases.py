"""The twenty changes that the system before this one lost or multiplied: one warehouse, two syncs, twenty verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from call_coach_assets.cli.program import program
from call_coach_assets_tests.oracle import ENTITIES
from call_coach_assets_tests.oracle.judge import verdict
from call_coach_assets_tests.sync import story
from call_coach_assets_tests.sync.telling import Story, tell, written
from call_coach_assets_tests.warehouse import Warehouse


@pytest.fixture(scope="module")
def told(emulator: str, own_database: str) -> Iterator[Story]:
    """The whole story, told once."""
    warehouse = Warehouse(emulator)
    yield tell(own_database, warehouse)
    warehouse.client.close()


def row(told: Story, entity: str, *key: Any, when: str = "last") -> dict[str, Any]:
    return told.after[when].world.rows[entity][key]


@pytest.mark.covers("P4", "P5", "P14", "P15", "P16")
def test_both_ends_agree_after_all_of_it(told: Story) -> None:
    assert verdict(told.settings, told.warehouse, pinned={"speakers": {("117", "117a")}}) == []


@pytest.mark.covers("O9", "E9")
def test_case_01_without_a_change_nothing_is_written(told: Story) -> None:
    assert {name: result.rows_synced for name, result in told.results["idle"].items()} == dict.fromkeys(ENTITIES, 0)
    assert told.after["idle"].images == {**told.after["first"].images, **_of_the_application(told)}
    assert told.after["idle"].versions["emails"] == told.after["first"].versions["emails"]


def _of_the_application(told: Story) -> dict[str, Any]:
    """The tables in which the application wrote between the first sync and the next."""
    return {entity: told.after["idle"].images[entity] for entity in ("calls", "speakers", "transcripts")}


@pytest.mark.covers("P14")
def test_case_02_a_changed_title_arrives(told: Story) -> None:
    assert row(told, "calls", "102")["title"] == "Call 102, renamed"


@pytest.mark.covers("E9", "E4")
def test_case_03_a_changed_subject_arrives_and_leaves_the_recipients(told: Story) -> None:
    assert row(told, "emails", "m3")["subject"] == "Changed"
    assert row(told, "emails", "m3")["recipients"] == ["x@acme.test", "y@acme.test"]


def test_case_04_a_soft_deleted_transcript_row_goes(told: Story) -> None:
    keys = {key for key in told.after["last"].world.rows["transcripts"] if key[0] == "104"}
    assert keys == {("104", 1)}


def test_case_05_a_soft_deleted_call_goes_with_its_rows_and_nothing_waits_for_it(told: Story) -> None:
    world = told.after["last"].world
    assert not [key for rows in world.rows.values() for key in rows if key[0] == "105"]
    assert not [key for keys in world.waiting.values() for key in keys if key[0] == "105"]


@pytest.mark.covers("P31")
def test_case_05_a_soft_deleted_call_stays_where_a_coaching_session_hangs_on_it(told: Story) -> None:
    assert row(told, "calls", "117")["metadata"]["source_deleted_at"]
    assert len([key for key in told.after["last"].world.rows["transcripts"] if key[0] == "117"]) == 2


@pytest.mark.covers("E2")
def test_case_06_a_deleted_opportunity_goes_and_its_emails_stay(told: Story) -> None:
    assert ("0006",) not in told.after["last"].world.rows["opportunities"]
    assert row(told, "emails", "m6", when="idle")["opportunity_id"] == "0006"
    assert row(told, "emails", "m6")["opportunity_id"] is None


@pytest.mark.covers("E4")
def test_case_07_a_late_recipient_updates_its_email(told: Story) -> None:
    assert row(told, "emails", "m7", when="idle")["recipients"] == []
    assert row(told, "emails", "m7")["recipients"] == ["late@acme.test"]


@pytest.mark.covers("E4")
def test_case_08_a_soft_deleted_recipient_leaves_its_email(told: Story) -> None:
    assert row(told, "emails", "m8")["recipients"] == ["y@acme.test"]


@pytest.mark.covers("O3", "O7")
def test_case_09_a_renamed_account_reaches_its_opportunities(told: Story) -> None:
    assert row(told, "opportunities", "0009")["account_name"] == "Nine, renamed"


@pytest.mark.covers("P16")
def test_case_10_a_corrected_address_of_a_user_reaches_the_speakers(told: Story) -> None:
    key = ("110", "110a")
    assert row(told, "speakers", *key)["email"] == "robert@prefect.io"
    assert told.after["last"].ids["speakers"][key] == told.after["first"].ids["speakers"][key]


@pytest.mark.covers("P15")
def test_case_11_an_edited_sentence_changes_one_row_and_adds_none(told: Story) -> None:
    assert row(told, "transcripts", "111", 1)["text"] == "said otherwise"
    assert told.results["last"]["transcripts"].inserted == 0
    assert len([key for key in told.after["last"].world.rows["transcripts"] if key[0] == "111"]) == 2


@pytest.mark.covers("P16")
def test_case_12_a_changed_talk_time_moves_every_share_and_multiplies_nobody(told: Story) -> None:
    shares = {name: row(told, "speakers", "112", f"112{name}")["talk_time_percentage"] for name in "ab"}
    assert shares == {"a": 75, "b": 25}
    with psycopg.connect(told.settings.database_url) as connection:
        count = "SELECT count(*) FROM speakers s JOIN calls c ON c.id = s.call_id WHERE c.gong_call_id = '112'"
        assert connection.execute(count).fetchall() == [(2,)]


@pytest.mark.covers("O6")
def test_case_13_a_call_that_moves_to_another_opportunity_leaves_the_old_one(told: Story) -> None:
    pairs = {
        when: {key[1] for key in told.after[when].world.rows["call_opportunities"] if key[0] == "113"}
        for when in ("idle", "last")
    }
    assert pairs == {"idle": {"0013", "0113"}, "last": {"006L00"}}


@pytest.mark.covers("P5")
def test_case_14_a_new_row_whose_stamp_equals_the_checkpoint_arrives(told: Story) -> None:
    assert row(told, "calls", "114")["title"] == "Call 114"


@pytest.mark.covers("P31")
def test_case_15_what_the_application_hung_on_a_re_sent_call_survives(told: Story) -> None:
    with psycopg.connect(told.settings.database_url) as connection:
        kept = connection.execute(
            """
            SELECT c.product, c.overall_score, s.role, h.new_role, x.score, t.sentiment
            FROM coaching_sessions x JOIN calls c ON c.id = x.call_id JOIN speakers s ON s.id = x.rep_id
            JOIN speaker_role_history h ON h.speaker_id = s.id
            JOIN transcripts t ON t.call_id = c.id AND t.sequence_number = 0
            ORDER BY c.gong_call_id
            """
        ).fetchall()
    assert kept == [("cloud", 71, "ae", "ae", 80, "warm")] * 2
    assert told.after["last"].ids["calls"]["115",] == told.after["first"].ids["calls"]["115",]


@pytest.mark.covers("P31")
def test_case_16_the_application_still_inserts_after_a_sync(told: Story) -> None:
    with psycopg.connect(told.settings.database_url) as connection:
        connection.execute(story.INSERTS_OF_THE_APPLICATION)
        connection.rollback()


@pytest.mark.covers("P12")
def test_case_17_a_failed_sync_exits_non_zero_and_says_why(
    told: Story, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATABASE_URL": told.settings.database_url,
        "BIGQUERY_EMULATOR_HOST": told.warehouse.url,
        "BIGQUERY_PROJECT": told.warehouse.project,
        "GONG_DATASET": "nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        program.main(["sync", "calls"])
    assert ended.value.code == 1
    assert "nowhere" in "".join(capsys.readouterr())


@pytest.mark.covers("P17", "P18", "E8", "O8")
def test_case_18_the_reported_row_counts_are_what_changed_in_the_tables(told: Story) -> None:
    for entity, result in told.results["last"].items():
        figures = (result.inserted, result.updated, result.deleted)
        assert figures == written(told.after["idle"], told.after["last"], entity), entity


@pytest.mark.covers("O6")
def test_case_19_all_1500_links_arrive(told: Story) -> None:
    pairs = {key for key in told.after["first"].world.rows["call_opportunities"] if key[1].startswith("006L")}
    assert pairs == {(str(n), key) for n in story.LINKED_CALLS for key in story.LINKED_OPPORTUNITIES}
    assert len(pairs) == 1500


@pytest.mark.covers("P7", "P27")
def test_case_20_a_failure_does_not_block_later_runs(told: Story) -> None:
    assert [type(error).__name__ for error in told.failures] == ["SourceMissingError"] * 3
    assert {result.status for result in told.results["last"].values()} == {"success"}

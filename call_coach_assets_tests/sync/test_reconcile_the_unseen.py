"""What no cursor can see, put right by a comparison: rows that are gone, that came back, that cannot be published."""

from __future__ import annotations

from datetime import timedelta

from call_coach_assets.sync.reconciliations import ReconcileStatus
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.oracle.judge import sync_all
from call_coach_assets_tests.sync.comparing import execute, run
from call_coach_assets_tests.sync.story import call, email, monologue, opportunity
from call_coach_assets_tests.warehouse import Warehouse


def test_a_row_that_the_source_lost_goes_and_comes_back_with_an_old_stamp(database: str, warehouse: Warehouse) -> None:
    settings = settings_for(database, warehouse)
    warehouse.create_all()
    warehouse.insert("salesforce.opportunity", [opportunity(f"006{n:02}") for n in range(20)])
    warehouse.insert("gong.email", [email(f"m{n:02}", opportunity_id=f"006{n:02}") for n in range(20)])
    warehouse.advance(timedelta(days=1))
    warehouse.insert("gong.email", [email("late")])
    sync_all(settings, order=["opportunities", "emails"])
    (lost,) = [row for row in warehouse.rows("salesforce.opportunity") if row["id"] == "00603"]
    warehouse.delete("salesforce.opportunity", id="00603")
    gone = run(settings, "opportunities", "emails")
    assert (gone["opportunities"].deleted, gone["emails"].status) == (1, ReconcileStatus.EQUAL)
    linked = "SELECT count(opportunity_id), count(*) FROM emails"
    assert execute(settings, linked) == [(19, 21)]
    assert execute(settings, "SELECT key FROM sync.tombstones") == [("00603",)]

    warehouse.insert("salesforce.opportunity", [opportunity("00699")])
    told = run(settings, "opportunities", dry_run=True)["opportunities"]
    assert (told.missing, told.under_way, told.status) == (0, 1, ReconcileStatus.EQUAL)
    ancient = warehouse.now.replace(year=2020)
    warehouse.insert("salesforce.opportunity", [{**lost, "_fivetran_synced": ancient}])
    warehouse.update("gong.email", {"id": "m07"}, restamp=False, subject="Changed without a stamp")
    back = run(settings, "opportunities", "emails")
    assert (back["opportunities"].missing, back["opportunities"].status) == (1, ReconcileStatus.REPAIRED)
    assert (dict(back["emails"].different), back["emails"].status) == ({"subject": 1}, ReconcileStatus.REPAIRED)
    assert execute(settings, linked) == [(20, 21)]


def test_what_cannot_be_published_is_seen_whatever_its_stamp_and_forgotten_when_the_source_loses_it(
    database: str, warehouse: Warehouse
) -> None:
    settings = settings_for(database, warehouse)
    warehouse.create_all()
    warehouse.insert("gong.call", [call(1), call(3)])
    warehouse.insert("gong.transcript", [monologue(1, n, f"words {n}") for n in range(20)])
    warehouse.insert("gong.transcript", [monologue(2, 0, "waits"), {"call_id": "3", "index": 90}])
    warehouse.advance(timedelta(days=1))
    warehouse.insert("gong.transcript", [monologue(1, 20, "late")])
    sync_all(settings, order=["calls", "transcripts"])
    letters = "SELECT key FROM sync.dead_letters ORDER BY key"
    waiting = "SELECT gong_call_id FROM sync.inbox_transcripts"
    assert (execute(settings, letters), execute(settings, waiting)) == ([("3/90",)], [("2",)])

    warehouse.update("gong.transcript", {"index": 7}, restamp=False, sentence=None)  # no cursor sees either
    old = {"call_id": "1", "index": 91, "_fivetran_synced": warehouse.now - timedelta(days=9)}
    warehouse.insert("gong.transcript", [old])
    found = run(settings, "transcripts")["transcripts"]
    assert (found.missing, found.different_rows, found.remaining, found.status) == (1, 1, 0, ReconcileStatus.REPAIRED)
    assert execute(settings, letters) == [("1/7",), ("1/91",), ("3/90",)]
    assert execute(settings, "SELECT count(*) FROM transcripts") == [(21,)], "the last good version stays"
    assert run(settings, "transcripts")["transcripts"].status is ReconcileStatus.EQUAL

    said = monologue(1, 7, "said at last")["sentence"]
    warehouse.update("gong.transcript", {"index": 7}, restamp=False, sentence=said)
    assert run(settings, "transcripts")["transcripts"].status is ReconcileStatus.EQUAL
    assert execute(settings, letters) == [("1/91",), ("3/90",)]
    assert execute(settings, "SELECT text FROM transcripts WHERE sequence_number = 7") == [("said at last",)]

    warehouse.delete("gong.transcript", sentence=None)
    warehouse.delete("gong.transcript", index=7)
    warehouse.delete("gong.transcript", call_id="2")
    warehouse.delete("gong.transcript", index=3)
    execute(settings, "DELETE FROM transcripts WHERE sequence_number = 3")
    gone = run(settings, "transcripts")["transcripts"]
    assert (gone.extra, gone.deleted, gone.status) == (1, 1, ReconcileStatus.REPAIRED)
    assert (execute(settings, letters), execute(settings, waiting)) == ([], [])
    assert execute(settings, "SELECT count(*) FROM sync.transcripts_rows") == [(19,)], "as many as there are lines"

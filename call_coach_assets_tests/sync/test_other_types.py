"""What the queries answer in a warehouse of other types, spellings and columns than those declared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from call_coach_assets_tests.sync.reader import AT, Reader, part
from call_coach_assets_tests.warehouse import Warehouse


@pytest.fixture
def reader(warehouse: Warehouse) -> Iterator[Reader]:
    warehouse.create_all()
    opened = Reader(warehouse)
    yield opened
    opened.client.close()


@pytest.mark.covers("P8", "P9", "P10")
def test_the_queries_run_in_a_warehouse_with_other_types_spellings_and_columns(
    warehouse: Warehouse, reader: Reader
) -> None:
    stamps = {"_fivetran_synced": "TIMESTAMP", "_fivetran_deleted": "BOOL"}
    call = {
        "id": "STRING",
        "scheduled": "STRING",
        "started": "TIMESTAMP",
        "duration": "STRING",
        "mood": "STRING",
        **stamps,
    }
    for table, columns in {
        "gong.call": call,
        "gong.call_speaker": {"id": "INT64", "call_id": "STRING", "user_id": "STRING", "talk_time": "STRING", **stamps},
        "gong.transcript": {"call_id": "INT64", "index": "STRING", "speaker_id": "INT64", "sentence": "JSON", **stamps},
        "salesforce.opportunity": {
            "Id": "STRING", "Name": "STRING", "StageName": "STRING", "CloseDate": "TIMESTAMP", "Amount": "FLOAT64",
            "AccountId": "STRING", "OwnerId": "STRING", "IsDeleted": "BOOL", "_fivetran_synced": "TIMESTAMP",
        },
    }.items():  # fmt: skip
        warehouse.drop(table)
        warehouse.create(table, columns)
    warehouse.insert(
        "gong.call", [{"id": "1", "scheduled": "2025-03-01 10:00:00+00", "duration": "61", "mood": "good"}]
    )
    warehouse.insert("gong.call_speaker", [{"id": 5, "call_id": "1", "user_id": "7", "talk_time": "12.5"}])
    warehouse.insert("gong.users", [{"id": 7, "email_address": "a@prefect.io", "first_name": "Ann"}])
    warehouse.insert("gong.transcript", [{"call_id": 1, "index": "3", "speaker_id": 5, "sentence": '[{"text": "Hi"}]'}])
    opportunity = {"Id": "o", "Name": "O", "StageName": "Won", "CloseDate": AT, "Amount": 12.5, "IsDeleted": False}
    warehouse.insert("salesforce.opportunity", [{**opportunity, "_fivetran_synced": AT}])
    call_row = reader.read("calls")["1",]
    wanted = {
        "scheduled_at": AT,
        "duration_seconds": 61,
        "prefect_reps": ["Ann"],
        "title": None,
        "_extra__mood": "good",
    }
    assert part(call_row, **wanted) == wanted
    assert reader.read("speakers")["1", "5"]["talk_time_seconds"] == 13
    line = reader.read("transcripts")["1", 3]
    assert (line["gong_speaker_id"], line["text"]) == ("5", "Hi")
    deal = reader.read("opportunities")["o",]
    assert (deal["stage"], deal["close_date"], float(deal["amount"])) == ("Won", AT.date(), 12.5)

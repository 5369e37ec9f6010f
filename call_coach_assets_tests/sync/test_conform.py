"""Whatever the source sends, a batch has the inbox's shape, and nothing that does not fit is lost."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from call_coach_assets.sync.conform import conform, restrict_cursor
from call_coach_assets.sync.entity import ColumnType
from call_coach_assets.sync.inbox_schema import arrow_schema
from call_coach_assets_tests.sync.widgets import NOON, answer, widgets

JUST_AFTER_MIDNIGHT = datetime(2024, 2, 29, 0, 30, tzinfo=UTC)


def conformed(stamps: list[datetime | None], **columns: list[Any] | pa.Array) -> list[dict[str, Any]]:
    return conform(answer(stamps, **columns), widgets()).to_pylist()  # type: ignore[arg-type, no-any-return]


def column_of(kind: ColumnType, values: list[Any] | pa.Array) -> tuple[list[Any], list[str | None]]:
    """The values of one column, and the raw text of what did not fit."""
    name = f"a_{kind.value}"
    rows = conformed([NOON] * len(values), **{name: values})
    raw = [json.loads(row["_misfits"] or "{}").get(name) for row in rows]
    return [row[name] for row in rows], raw


def test_an_answer_gets_exactly_the_columns_and_types_of_the_inbox() -> None:
    batch = conform(answer([NOON, None], unknown=["x", "y"]), widgets())
    assert batch.schema.equals(arrow_schema(widgets()))
    assert batch.to_pylist()[0] == {
        **dict.fromkeys(batch.schema.names),
        "a_text": "row 0",
        "_warnings": "[]",
        "_changed_at": NOON,
        "_cursor": NOON,
    }


@pytest.mark.parametrize(
    ("kind", "values", "fitting"),
    [
        (ColumnType.TEXT, [7, None], ["7", None]),
        (ColumnType.TEXT, [[{"a": 1.5}], None], ['[{"a": 1.5}]', None]),
        (ColumnType.TEXT, [b"\xff", b""], ["/w==", ""]),
        (ColumnType.INTEGER, [1.0, None, -3.0], [1, None, -3]),
        (ColumnType.INTEGER, ["12", " 7 ", "8.0"], [12, 7, 8]),
        (ColumnType.DECIMAL, [Decimal("1.50"), None], ["1.50", None]),
        (ColumnType.DECIMAL, [0.1, 1e20], ["0.1", "1e+20"]),
        (ColumnType.BOOLEAN, ["TRUE", "false", "1"], [True, False, True]),
        (ColumnType.BOOLEAN, [1, 0, None], [True, False, None]),
        (ColumnType.DATE, ["2024-02-29", None], [date(2024, 2, 29), None]),
        (ColumnType.DATE, [JUST_AFTER_MIDNIGHT], [date(2024, 2, 29)]),
        (ColumnType.TIMESTAMP, [JUST_AFTER_MIDNIGHT.replace(tzinfo=None)], [JUST_AFTER_MIDNIGHT]),
        (ColumnType.TIMESTAMP, ["2024-02-29 00:30:00 UTC", "2024-02-29T01:30:00+01:00"], [JUST_AFTER_MIDNIGHT] * 2),
        (ColumnType.JSON, [{"a": float("nan")}, None], ['{"a": "nan"}', None]),
        (ColumnType.TEXT_ARRAY, [["ä", "b"], None], ['["ä", "b"]', None]),
    ],
)
@pytest.mark.covers("P9")
def test_a_column_of_another_type_is_cast_where_its_values_fit(
    kind: ColumnType, values: list[Any], fitting: list[Any]
) -> None:
    assert column_of(kind, values) == (fitting, [None] * len(values))


@pytest.mark.parametrize(
    ("kind", "values", "fitting", "raw"),
    [
        (ColumnType.INTEGER, [1.0, 1.5], [1, None], [None, "1.5"]),
        (ColumnType.INTEGER, ["0x1F", "9223372036854775808"], [None, None], ["0x1F", "9223372036854775808"]),
        (ColumnType.INTEGER, [NOON], [None], [NOON.isoformat()]),
        (ColumnType.DECIMAL, ["12.5", "n/a", "NaN"], ["12.5", None, None], [None, "n/a", "NaN"]),
        (ColumnType.BOOLEAN, ["maybe", "true"], [None, True], ["maybe", None]),
        (ColumnType.DATE, ["2024-02-30", "2024-03-01"], [None, date(2024, 3, 1)], ["2024-02-30", None]),
        (ColumnType.TIMESTAMP, [1700000000], [None], ["1700000000"]),
        (ColumnType.JSON, ["{", '{"a": 1}'], [None, '{"a": 1}'], ["{", None]),
        (ColumnType.TEXT_ARRAY, ['{"a": 1}', "[]"], [None, "[]"], ['{"a": 1}', None]),
    ],
)
@pytest.mark.covers("P9", "P13")
def test_a_value_that_does_not_fit_becomes_null_and_keeps_its_raw_text(
    kind: ColumnType, values: list[Any], fitting: list[Any], raw: list[str | None]
) -> None:
    assert column_of(kind, values) == (fitting, raw)


def test_a_point_in_time_that_no_calendar_reaches_does_not_fit() -> None:
    beyond = pa.array([0, 400_000_000_000_000_000], pa.int64()).cast(pa.timestamp("us", "UTC"))
    values, raw = column_of(ColumnType.TIMESTAMP, beyond)
    assert values == [datetime(1970, 1, 1, tzinfo=UTC), None]
    assert raw == [None, "400000000000000000"]
    days = pa.array([0, 3_000_000], pa.int32()).cast(pa.date32())
    assert column_of(ColumnType.DATE, days) == ([date(1970, 1, 1), None], [None, "3000000"])


@pytest.mark.covers("P8")
def test_columns_that_the_mapping_does_not_know_travel_together() -> None:
    row, other = conformed([NOON, NOON], _extra__Mood=["good", None], _extra__score=[float("inf"), 1.5])
    assert json.loads(row["_extra"]) == {"Mood": "good", "score": "inf"}
    assert json.loads(other["_extra"]) == {"Mood": None, "score": 1.5}


def test_characters_that_postgres_cannot_store_are_replaced_with_a_warning() -> None:
    json_text = '{"nul": "\\u0000", "half": "\\ud83d", "whole": "\\ud83d\\ude00", "escaped": "\\\\u0000"}'
    row, untouched = conformed([NOON, NOON], a_text=["a\0b", "ab"], a_json=[json_text, '"\\u00e9"'])
    assert row["a_text"] == "a\ufffdb"
    assert json.loads(row["a_json"]) == {"nul": "\ufffd", "half": "\ufffd", "whole": "😀", "escaped": "\\u0000"}
    assert [warning.split()[0] for warning in json.loads(row["_warnings"])] == ["a_text", "a_json"]
    assert (untouched["a_json"], untouched["_warnings"]) == ('"\\u00e9"', "[]")


def test_a_stamp_in_the_future_or_before_the_cursor_does_not_move_it() -> None:
    hour = timedelta(hours=1)
    batch = conform(answer([NOON - hour, NOON, NOON + hour, NOON + 3 * hour, None]), widgets())
    rows = restrict_cursor(batch, NOON, NOON + 2 * hour).to_pylist()
    assert [row["_cursor"] for row in rows] == [None, NOON, NOON + hour, None, None]
    assert [row["_changed_at"] for row in rows] == batch.column("_changed_at").to_pylist()


@pytest.mark.covers("P33")
def test_whole_columns_are_cast_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("call_coach_assets.sync.casts._value_by_value", None)
    rows = 50_000
    batch = conform(
        answer([NOON] * rows, a_integer=[1.0] * rows, a_json=['{"a": [1, 2]}'] * rows, a_date=["2024-02-29"] * rows),
        widgets(),
    )
    assert batch.num_rows == rows
    assert batch.column("_misfits").null_count == rows

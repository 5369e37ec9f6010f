"""Rows that no source should hold, and that some source will: picked by hand, and made by hypothesis."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from call_coach_assets.local.sample_schema import SOURCE_SCHEMAS

Row = dict[str, Any]

STAMP = datetime(2025, 3, 1, tzinfo=UTC)
GENERATED = 30  # rows of each table
KEYLESS = 3  # emails without an id that differ
HUGE_ID = "9" * 40
LONG_ID = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=5000))
TEN_MEGABYTES = "x\u00e9\0\n" * 2_000_000
TOO_MANY_WORDS = " ".join(f"word{number}" for number in range(150_000))  # a tsvector holds one megabyte

TEXTS = [
    "", " ", "\0", "a\0b", "\\u0000", '{"a": "\\ud800"}', '"\\udc00"', '[{"text": "\\ud83d"}]', "'; DROP --",
    "%s %(x)s {}", "\\", '"', "\r\n\t", "\u202e\ufffe\ufeff", "\U0001f600" * 300, "a@@b", "null", "true", "[[", "{",
    "[]", "{}",
]  # fmt: skip
NUMBERS = ["1e308", "-1e308", "1e400", "NaN", "-0", HUGE_ID, "3000000000", "0x1F", "1_000", "1,000", "12.5"]
TIMES = [
    "0000-00-00T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z",
    "2025-02-30", "2025-01-01T25:61:61Z", "2025-01-01 00:00:00+99:99", "yesterday", "1700000000",
]  # fmt: skip
# BigQuery's casts make NULL of these; the emulator, which reads them, cannot answer them as a TIMESTAMP or a DATE.
BEYOND = ["0000-01-01", "10000-01-01", "-4712-01-01", "Infinity"]
NESTED = [
    '[{"start": {"a": 1}, "end": [], "text": {"b": ["c"]}}]', '{"text": "no array"}', '[1, "two", null, [3]]',
    '[{"start": 1e308, "end": -1, "text": "far"}]', '[{"start": 99999999999, "end": 1, "text": "late"}]',
    '[{"text": "a\\u0000b"}]', '{"opportunity_ids": {"a": 1}}', '{"opportunity_ids": [[], 1, null, "006X"]}',
    "[" * 200 + "]" * 200,
]  # fmt: skip
MONSTERS = [*TEXTS, *NUMBERS, *TIMES, *NESTED]
IDS = [*(str(number) for number in range(40)), HUGE_ID, LONG_ID, "a\0b", "", " ", "\u00e9" * 900, None]

_KEPT = {"_fivetran_synced", "_fivetran_deleted", "is_deleted", "system_modstamp", "last_modified_date"}
# Every column is text, so that anything can be in it; stamps and flags excepted.
TABLES = {
    table: {name: kind if name in _KEPT else "STRING" for name, kind in columns.items()}
    for table, columns in SOURCE_SCHEMAS.items()
    if table in {"gong.call", "gong.call_speaker", "gong.transcript", "gong.email", "salesforce.opportunity"}
}
_STAMP = "_fivetran_synced"
_TIMES = {"scheduled", "started", "sent_at", "close_date"}
_KEYS = {"id", "call_id", "speaker_id", "opportunity_id"}
_stamps = st.sampled_from([STAMP, STAMP, None, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
_texts = st.one_of(st.none(), st.sampled_from(MONSTERS), st.text(st.characters(exclude_categories=["Cs"]), max_size=30))


def malformed_rows() -> dict[str, list[Row]]:
    """The rows of each table: the same ones each time."""
    tables = {table: _generated(columns) for table, columns in TABLES.items()}
    for table, rows in _picked().items():
        tables[table] += rows
    return tables


def _generated(columns: dict[str, str]) -> list[Row]:
    rows: list[Row] = []

    @settings(
        max_examples=GENERATED,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.fixed_dictionaries(
            {name: _values(name) for name, kind in columns.items() if kind == "STRING" or name == _STAMP}
        )
    )
    def collect(row: Row) -> None:
        rows.append(row)

    collect()
    return rows


def _values(column: str) -> st.SearchStrategy[Any]:
    if column == _STAMP:
        return _stamps
    if column in _KEYS:
        return st.sampled_from(IDS)
    if column == "index":
        return st.sampled_from([*map(str, range(50)), *NUMBERS, *TEXTS])
    return _texts if column in _TIMES else _texts | st.sampled_from(BEYOND)


def _picked() -> dict[str, list[Row]]:
    """Twins of one stamp, values that are huge, and each monster in the column in which it hurts."""
    twins = [{"id": "twin", "title": f"Twin {number}", "_fivetran_synced": STAMP} for number in range(3)]
    lines = [{"call_id": "0", "index": str(1000 + place), "sentence": text} for place, text in enumerate(NESTED)]
    return {
        "gong.call": [*twins, {"id": "0", "title": "Zero"}, {"id": "big", "title": TEN_MEGABYTES[:1000000]}]
        + [{"id": f"duration{place}", "duration": text} for place, text in enumerate(NUMBERS)],
        "gong.call_speaker": [{"id": "s", "call_id": "0", "talk_time": text} for text in ("1e308", "-5", "3000000000")],
        "gong.transcript": [*lines, {"call_id": "0", "index": "2000", "sentence": TOO_MANY_WORDS}],
        "gong.email": [
            *({"subject": f"without a key {number}"} for number in range(KEYLESS)),
            {"id": "body", "sent_at": "2025-01-01T00:00:00Z", "body": TEN_MEGABYTES},
            *({"id": f"sent{place}", "sent_at": text, "body": "\0"} for place, text in enumerate(TIMES)),
            *({"id": f"headers{place}", "sent_at": "2025-01-01", "headers": text} for place, text in enumerate(NESTED)),
        ],
        "salesforce.opportunity": [
            *({"id": f"amount{place}", "name": "A", "amount": text} for place, text in enumerate(NUMBERS)),
            *({"id": f"close{place}", "name": "A", "close_date": text} for place, text in enumerate(TIMES)),
        ],
    }

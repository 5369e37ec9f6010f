"""The emulator answers as BigQuery does where it had to be repaired, and remembers nothing that has changed."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from bqemulator.storage.arrow_bridge import arrow_table_to_bq_rows
from google.api_core.exceptions import BadRequest

from call_coach_assets.errors import SourceUnavailableError
from call_coach_assets.local.emulator import start_emulator
from call_coach_assets.local.emulator_speed import replace, rows_of
from call_coach_assets_tests.warehouse import Warehouse

_COUNTING = """
from call_coach_assets.errors import SourceUnavailableError
from call_coach_assets.local.emulator import start_emulator
from call_coach_assets.local.emulator_speed import speed_up
speed_up()
from bqemulator.jobs.executor import rewrite_table_refs
from bqemulator.sql.translator import SQLTranslator
from sqlglot.dialects.dialect import Dialect
parse, parsed = Dialect.parse, []
Dialect.parse = lambda self, text, **options: parsed.append(text) or parse(self, text, **options)
counts, translator = [], SQLTranslator()
for text in ("SELECT SAFE_DIVIDE(1, 2) AS x", "SELECT SAFE_DIVIDE(1, 2) AS x", "SELECT SAFE_DIVIDE(1, 3) AS x"):
    parsed.clear()
    rewrite_table_refs(translator.translate(text, schema={}).unwrap(), "p")
    counts.append(len(parsed))
print(counts)
"""


def test_a_repeated_text_is_parsed_once() -> None:
    done = subprocess.run([sys.executable, "-c", _COUNTING], capture_output=True, text=True, check=True)
    first, again, other = eval(done.stdout.splitlines()[-1])
    assert first > 0
    assert other > 0
    assert again == 0


def test_answers_written_by_column_are_what_the_emulator_writes_value_by_value() -> None:
    moment = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    table = pa.table(
        {
            "text": pa.array(["ä", None, ""]),
            "number": pa.array([-1, None, 2**63 - 1], pa.int64()),
            "float": pa.array([1.0, None, float("nan")]),
            "truth": pa.array([True, None, False]),
            "stamp": pa.array([moment, None, datetime(1, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            "local": pa.array([moment.replace(tzinfo=None), None, None], pa.timestamp("us")),
            "coarse": pa.array([datetime(2025, 1, 1, tzinfo=UTC), None, None], pa.timestamp("s", "UTC")),
            "day": pa.array([date(1, 1, 1), None, None]),
            "decimal": pa.array([Decimal("0.10"), None, None]),
            "bytes": pa.array([b"x", None, None]),
            "list": pa.array([["a", None], None, []]),
            "struct": pa.array([{"a": 1, "b": True}, None, {"a": None, "b": None}]),
        }
    )
    for offset, limit in ((0, None), (1, None), (0, 1), (1, 1), (0, 0)):
        assert rows_of(table, offset, limit) == arrow_table_to_bq_rows(table, offset, limit)
    assert rows_of(table.slice(0, 0)) == []


def test_an_emulator_that_cannot_read_its_data_says_so_and_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "bqemulator.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(SourceUnavailableError, match=r"server\.log"):
        start_emulator(tmp_path)


def test_a_name_that_a_newer_release_no_longer_has_is_an_error() -> None:
    with pytest.raises(AttributeError):
        replace(object(), "gone", lambda _: None)


def test_remembered_translations_follow_the_tables(warehouse: Warehouse) -> None:
    warehouse.insert("gong.users", [{"id": 1, "first_name": "Ada"}, {"id": 2}])
    text = "SELECT * FROM gong.users ORDER BY id"
    assert [row["first_name"] for row in warehouse.sql(text)] == ["Ada", None]
    warehouse.update("gong.users", {"id": 2}, first_name="Bruno")
    assert [row["first_name"] for row in warehouse.sql(text)] == ["Ada", "Bruno"]
    warehouse.alter("ALTER TABLE gong.users ADD COLUMN mood STRING")
    warehouse.update("gong.users", {"first_name": "Ada"}, mood="fine")
    assert [row["mood"] for row in warehouse.sql(text)] == ["fine", None]
    warehouse.drop("gong.users")
    warehouse.create("gong.users", {"id": "STRING"})
    warehouse.insert("gong.users", [{"id": "x"}])
    assert warehouse.sql(text) == [{"id": "x"}]


def test_the_description_of_a_table_follows_every_change(warehouse: Warehouse) -> None:
    warehouse.insert("gong.users", [{"id": 1}, {"id": 2}])
    path = warehouse.path("gong.users")
    inserted = warehouse.client.get_table(path)
    assert inserted.num_rows == 2
    warehouse.delete("gong.users", id=2)
    deleted = warehouse.client.get_table(path)
    assert deleted.num_rows == 1
    assert deleted.modified > inserted.modified
    warehouse.alter("ALTER TABLE gong.users DROP COLUMN title")
    altered = warehouse.client.get_table(path)
    assert "title" not in [field.name for field in altered.schema]
    assert altered.modified > deleted.modified
    assert "title" not in warehouse.schema("gong.users")


def test_distinct_aggregates_ignore_nulls(warehouse: Warehouse) -> None:
    rows = [{"id": n, "first_name": name} for n, name in enumerate(["b", None, "a", "b"])]
    warehouse.insert("gong.users", rows)
    text = "SELECT ARRAY_AGG(DISTINCT u.first_name IGNORE NULLS ORDER BY u.first_name) AS names FROM gong.users AS u"
    assert warehouse.sql(text) == [{"names": ["a", "b"]}]


def test_a_wrong_statement_is_an_error_each_time(warehouse: Warehouse) -> None:
    for _ in range(2):
        with pytest.raises(BadRequest):
            warehouse.sql("SELECT FROM WHERE")


def test_rows_get_moving_stamps_and_changes_are_stamped_anew(warehouse: Warehouse) -> None:
    warehouse.insert("gong.users", [{"id": 1}, {"id": 2}])
    first = warehouse.now
    warehouse.update("gong.users", {"id": 1}, title="AE")
    warehouse.update("gong.users", {"id": 2}, restamp=False, title="SE")
    stamps = {row["id"]: row["_fivetran_synced"] for row in warehouse.rows("gong.users")}
    assert stamps == {1: first + warehouse.step, 2: first}
    assert not any(row["_fivetran_deleted"] for row in warehouse.rows("gong.users"))


def test_a_warehouse_begins_empty(warehouse: Warehouse) -> None:
    assert list(warehouse.client.list_tables("gongio_ft")) == []
    warehouse.create_all(optional=False, without=["salesforce.account"])
    assert {table.table_id for table in warehouse.client.list_tables("salesforce")} == {"opportunity", "user"}

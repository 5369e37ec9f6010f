"""What is known of the source tables before a query runs."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from google.api_core.exceptions import Forbidden, NotFound
from google.cloud.bigquery import SchemaField

from call_coach_assets.errors import SourceAccessError, SourceMissingError
from call_coach_assets.settings import read_settings
from call_coach_assets.sync.catalog import LiveTable, read_catalog
from call_coach_assets.sync.declarations import load_entities

ENTITIES = load_entities(check_queries=False)
SETTINGS = read_settings(_env_file=None, bigquery_project="a-project", gong_dataset="gong_raw")


WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)


def _table(fields: list[SchemaField], **others: Any) -> SimpleNamespace:
    """What the client answers of a table that holds three rows."""
    known = {"table_type": "TABLE", "modified": WRITTEN, "num_rows": 3, "num_bytes": 4, "streaming_buffer": None}
    return SimpleNamespace(schema=fields, **{**known, **others})


def test_the_catalog_tells_an_absent_table_from_a_project_that_is_wrong() -> None:
    fields = [SchemaField("id", "INTEGER"), SchemaField("tags", "STRING", mode="REPEATED"), SchemaField("x", "FLOAT")]
    answers: dict[str, Any] = {
        "a-project.gong_raw.email": _table(fields),
        "a-project.gong_raw.email_sender": NotFound("Not found: Table a-project:gong_raw.email_sender"),
        "a-project.gong_raw.email_recipient": NotFound("Not found: Dataset a-project:gong_raw"),
    }

    class Client:
        def get_table(self, path: str, **_: Any) -> Any:
            if isinstance(answers[path], Exception):
                raise answers[path]
            return answers[path]

    def catalog() -> Any:
        return read_catalog(cast(Any, Client()), ENTITIES["emails"], SETTINGS)

    email = LiveTable({"id": "INT64", "tags": "ARRAY", "x": "FLOAT64"}, WRITTEN, 3, 4)
    assert catalog() == {"gong.email": email, "gong.email_sender": None, "gong.email_recipient": None}
    answers["a-project.gong_raw.email_sender"] = _table([], table_type="VIEW")
    answers["a-project.gong_raw.email_recipient"] = _table([], streaming_buffer=SimpleNamespace())
    found = catalog()
    assert found["gong.email_sender"] == LiveTable({}), "when a view was defined says nothing of its rows"
    assert [name for name, table in found.items() if table.dated] == ["gong.email"]
    answers["a-project.gong_raw.email_sender"] = NotFound("Not found: Project a-project")
    with pytest.raises(SourceMissingError, match="email_sender"):
        catalog()
    answers["a-project.gong_raw.email_sender"] = Forbidden("Access Denied")
    with pytest.raises(SourceAccessError):
        catalog()

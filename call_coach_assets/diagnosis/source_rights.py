"""What the account may do in BigQuery beyond what the dry runs have shown, as far as BigQuery tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from call_coach_assets.diagnosis.finding import Finding, ok, warning
from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import SourceTable

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

NAME = "BigQuery permissions"
HTTP_SECONDS = 10.0
TOO_MUCH = ("bigquery.tables.updateData", "bigquery.tables.update", "bigquery.tables.delete")
_SHOWN = (
    "bigquery.jobs.create, bigquery.tables.get and bigquery.tables.getData are what the queries above were tried with"
)
_UNTOLD = (
    "bigquery.readsessions.create cannot be told without reading: a sync that lacks it says so, and reads over REST,"
    " several times slower (docs/bigquery-roles.sh grants it)"
)


def find_source_rights(client: Client, settings: Settings, tables: Iterable[SourceTable]) -> Iterator[Finding]:
    """A warning where the account may change a table that it only has to read; `tables` are those that are there."""
    yield ok(NAME, f"{_SHOWN}; {_UNTOLD}")
    one_of_each = {table.dataset: table for table in tables}
    for dataset, table in one_of_each.items():
        path = f"{settings.bigquery_project}.{settings.dataset(dataset)}"
        held = _held(client, f"{path}.{table.table}")
        if held is None:
            yield ok(NAME, f"whether this account may write to {path} cannot be told")
        elif held:
            yield warning(
                NAME,
                f"this account has {', '.join(held)} on tables of {path}, and only has to read them",
                f"revoke its role there and grant roles/bigquery.dataViewer on {path}, as docs/bigquery-roles.sh does",
            )
        else:
            yield ok(NAME, f"this account may not write to {path}")


def _held(client: Client, path: str) -> list[str] | None:
    """Those of TOO_MUCH that the account has on a table; None where BigQuery does not say."""
    from google.cloud.bigquery import Table

    from call_coach_assets.sync.bigquery_errors import FAILURES

    try:
        answer = client.test_iam_permissions(Table(path), TOO_MUCH, retry=None, timeout=HTTP_SECONDS)  # type: ignore[arg-type]
    except FAILURES:
        return None
    return [name for name in TOO_MUCH if name in answer.get("permissions", ())]

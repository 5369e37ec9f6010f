"""opportunities: Salesforce's where it is there, else Gong's."""

from __future__ import annotations

from typing import Any

from call_coach_assets_tests.oracle.source import Row, Source, grouped
from call_coach_assets_tests.oracle.values import amount, day, number, rounded, text
from call_coach_assets_tests.oracle.world import Pinned, World

_ACCOUNT = ("name", "industry", "website", "number_of_employees", "annual_revenue")
_OWNER = ("email", "name", "is_active")


def base_table(source: Source) -> str:
    """Where opportunities come from in this warehouse."""
    return "salesforce.opportunity" if source.has("salesforce.opportunity") else "gong.opportunity"


def fill_opportunities(world: World, source: Source, pinned: Pinned, published: Pinned) -> None:
    """Put the opportunities and their dead letters into `world`."""
    history = _history(source)
    kept = pinned.get("opportunities", set())
    for key, row in source.newest(base_table(source), "id").items():
        if row.deleted and key not in kept:
            continue
        if None in key or text(row["name"]) is None:
            world.dead_letters["opportunities"].add(key)
            if key in published.get("opportunities", set()):
                world.rows["opportunities"][key] = {"stale": True}
        else:
            world.rows["opportunities"][key] = _opportunity(row, source, history.get(key[0], []))


def _history(source: Source) -> dict[str | None, list[Row]]:
    rows = source.live("salesforce.opportunity_field_history", "id")
    stages = [row for row in rows if row["field"] == "StageName"]
    stages.sort(key=lambda row: (str(row["created_date"]), text(row["id"]) or ""))
    return grouped(stages, lambda row: text(row["opportunity_id"]))


def _opportunity(row: Row, source: Source, history: list[Row]) -> dict[str, Any]:
    account = source.by_id("salesforce.account").get(text(row["account_id"])) or Row({})
    owner = source.by_id("salesforce.user").get(text(row["owner_id"])) or Row({})
    values = {
        "name": row["name"],
        "stage": row["stage_name"] if row["stage_name"] is not None else row["stage"],
        "close_date": day(row["close_date"]),
        "amount": amount(row["amount"]),
        "account_name": text(account["name"]),
        "owner_email": text(owner["email"]),
    }
    health, unusable = _health(source, row)
    unread = any(text(row[column]) is not None and values[column] is None for column in ("close_date", "amount"))
    return values | {
        "health_score": health,
        "metadata": {
            "account": {column: _present(account[column]) for column in _ACCOUNT},
            "owner": {column: _present(owner[column]) for column in _OWNER},
            "probability": row["probability"],
            "type": row["type"],
            "stage_history": [{"from": r["old_value"], "to": r["new_value"], "at": r["created_date"]} for r in history],
        },
        "warnings": unread or unusable or values["account_name"] is None or values["owner_email"] is None,
        "source_deleted": row.deleted,
    }


def _present(value: Any) -> Any:
    return None if text(value) is None else value


def _health(source: Source, row: Row) -> tuple[Any, bool]:
    """Gong's health score, and whether there is one that cannot be used."""
    gong = source.by_id("gong.opportunity").get(text(row["id"])) or Row({})
    score = rounded(gong["health_score"], 2) if number(gong["health_score"]) is not None else None
    usable = score is not None and 0 <= score <= 100
    return (score if usable else None), gong["health_score"] is not None and not usable

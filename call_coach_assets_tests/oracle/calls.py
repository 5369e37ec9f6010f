"""calls: one row per Gong call, with the names of its company-side speakers."""

from __future__ import annotations

from typing import Any

from call_coach_assets_tests.oracle.source import Row, Source
from call_coach_assets_tests.oracle.values import instant, unreadable, whole
from call_coach_assets_tests.oracle.world import ANYTHING, Pinned, World

_METADATA = ("direction", "scope", "language", "system", "is_private", "primary_user_id")


def fill_calls(world: World, source: Source, pinned: Pinned) -> None:
    """Put the calls and their dead letters into `world`; speakers fill in `prefect_reps`."""
    kept = pinned.get("calls", set()) | {key[:1] for key in pinned.get("speakers", set())}
    for (key,), row in source.newest("gong.call", "id").items():
        if key is None:
            if not row.deleted:
                world.dead_letters["calls"].add((None,))
        elif not row.deleted or (key,) in kept:
            world.rows["calls"][key,] = _call(row)
            if not row.deleted and unreadable(row["duration"]):
                world.dead_letters["calls"].add((key,))
    for gone in kept - world.rows["calls"].keys():
        world.rows["calls"][gone] = {"source_deleted": True}


def _call(row: Row) -> dict[str, Any]:
    at = instant(row["scheduled"]) or instant(row["started"])
    metadata = {column: row[column] for column in _METADATA} | {"gong_url": row["url"], "started": row["started"]}
    return {
        "title": row["title"],
        "scheduled_at": at,
        "duration_seconds": whole(row["duration"]),
        "call_type": row["purpose"],
        "date": at.date() if at else None,
        "processed_at": at or ANYTHING,
        "prefect_reps": [],
        "metadata": metadata,
        "source_deleted": row.deleted,
    }


def gone_calls(source: Source, world: World) -> set[str | None]:
    """The ids of calls that are flagged deleted and kept by nothing: their children are gone, not waiting."""
    deleted = {key for (key,), row in source.newest("gong.call", "id").items() if row.deleted}
    return {key for key in deleted if (key,) not in world.rows["calls"]}


def set_reps(world: World) -> None:
    """Name each call's company-side speakers, sorted, once each."""
    names: dict[Any, set[str]] = {}
    for (call, _), speaker in world.rows["speakers"].items():
        if not speaker["source_deleted"] and speaker["company_side"]:
            names.setdefault(call, set()).add(speaker["name"])
    for (call,), row in world.rows["calls"].items():
        row["prefect_reps"] = sorted(names.get(call, ()))

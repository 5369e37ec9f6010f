"""speakers: who spoke on a call, on which side, for how long."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from call_coach_assets_tests.oracle.calls import gone_calls
from call_coach_assets_tests.oracle.source import Row, Source, grouped
from call_coach_assets_tests.oracle.values import domain, number, rounded, text, unreadable, whole, words_of
from call_coach_assets_tests.oracle.world import Pinned, World


def fill_speakers(world: World, source: Source, domains: Collection[str], pinned: Pinned) -> None:
    """Put the speakers into `world`: rows, those that wait for their call, and dead letters."""
    rows = source.newest("gong.call_speaker", "call_id", "id")
    totals = _totals(rows)
    participants, users = _participants(source), source.by_id("gong.users")
    gone = gone_calls(source, world)
    for key, row in rows.items():
        if row.deleted and key not in pinned.get("speakers", set()):
            continue
        if None in key:
            world.dead_letters["speakers"].add(key)
        elif key[:1] in world.rows["calls"]:
            person = _person(row, participants.get(key), users, domains)
            world.rows["speakers"][key] = person | _talk(row, totals.get(key[0])) | {"source_deleted": row.deleted}
            if not row.deleted and unreadable(row["talk_time"]):
                world.dead_letters["speakers"].add(key)
        elif key[0] not in gone:
            world.waiting["speakers"].add(key)
    for kept in pinned.get("speakers", set()) - world.rows["speakers"].keys():
        world.rows["speakers"][kept] = {"source_deleted": True}


def _totals(rows: dict[tuple[str | None, ...], Row]) -> dict[str | None, Decimal]:
    totals: dict[str | None, Decimal] = {}
    for (call, key), row in rows.items():
        if key is not None and not row.deleted:
            totals[call] = totals.get(call, Decimal(0)) + (number(row["talk_time"]) or 0)
    return totals


def _participants(source: Source) -> dict[tuple[str | None, ...], Row]:
    """The participant of each speaker: of several, the newest, then the one with the smallest id."""
    rows = source.live("gong.call_participant", "call_id", "id")
    rows.sort(key=lambda row: text(row["id"]) or "")
    rows.sort(key=lambda row: row.stamp, reverse=True)
    groups = grouped(rows, lambda row: (text(row["call_id"]), text(row["speaker_id"])))
    return {key: group[0] for key, group in groups.items()}


def _person(
    row: Row, participant: Row | None, users: dict[str | None, Row], domains: Collection[str]
) -> dict[str, Any]:
    other = participant or Row({})
    user = users.get(text(row["user_id"]) or text(other["user_id"])) or Row({})
    email = text(user["email_address"]) or text(other["email_address"])
    full = " ".join(part for part in (text(user["first_name"]), text(user["last_name"])) if part)
    internal = str(other["affiliation"]).strip().lower() == "internal"
    return {
        "email": email,
        "name": full or text(other["name"]) or words_of(email) or f"Speaker {text(row['id'])}",
        "company_side": internal or domain(email) in {name.lower() for name in domains},
    }


def _talk(row: Row, total: Decimal | None) -> dict[str, Any]:
    seconds = number(row["talk_time"])
    share = seconds / total * 100 if seconds is not None and total else None
    return {"talk_time_seconds": whole(seconds), "talk_time_percentage": rounded(share, 2)}

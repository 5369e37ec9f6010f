"""emails: who wrote to whom, when, about which opportunity."""

from __future__ import annotations

from typing import Any

from call_coach_assets_tests.oracle.source import Row, Source, grouped
from call_coach_assets_tests.oracle.values import instant, text, well_formed
from call_coach_assets_tests.oracle.world import Pinned, World

SNIPPET = 500


def fill_emails(world: World, source: Source, pinned: Pinned, published: Pinned) -> None:
    """Put the emails and their dead letters into `world`."""
    senders, recipients = _addresses(source, "gong.email_sender"), _addresses(source, "gong.email_recipient")
    kept = pinned.get("emails", set())
    for key, row in source.newest("gong.email", "id").items():
        if row.deleted and key not in kept:
            continue
        if None in key or text(row["sent_at"]) is None:
            world.dead_letters["emails"].add(key)
            if key in published.get("emails", set()):
                world.rows["emails"][key] = {"stale": True}
        else:
            values = _email(row, senders.get(key[0], []), recipients.get(key[0], []), world)
            world.rows["emails"][key] = values


def _addresses(source: Source, table: str) -> dict[str | None, list[str]]:
    """The addresses of each email: the newest first, then in the order of the alphabet."""
    rows = [row for row in source.live(table, "email_id", "email_address") if text(row["email_address"])]
    rows.sort(key=lambda row: row["email_address"])
    rows.sort(key=lambda row: row.stamp, reverse=True)
    groups = grouped(rows, lambda row: text(row["email_id"]))
    return {key: [row["email_address"] for row in group] for key, group in groups.items()}


def _email(row: Row, senders: list[str], recipients: list[str], world: World) -> dict[str, Any]:
    sent_at, body, opportunity = instant(row["sent_at"]), row["body"], text(row["opportunity_id"])
    addresses = [*senders[:1], *recipients]
    return {
        "opportunity_id": opportunity if (opportunity,) in world.rows["opportunities"] else None,
        "subject": row["subject"],
        "sender_email": senders[0] if senders else None,
        "recipients": sorted(recipients),
        "sent_at": sent_at,
        "body_snippet": None if body is None else body[:SNIPPET],
        "metadata": {
            "body": body,
            "headers": row["headers"],
            "thread_id": row["thread_id"],
            "opportunity_id": opportunity,
        },
        "warnings": not senders or sent_at is None or not all(map(well_formed, addresses)),
        "source_deleted": row.deleted,
    }

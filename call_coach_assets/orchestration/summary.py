"""What a run did to an entity, as the few lines that its asset page shows."""

from __future__ import annotations

from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.result import SyncResult


def markdown(result: SyncResult, entity: Entity) -> str:
    """A summary of `result` in Markdown: what was written, what is not there yet, and what to know."""
    lines = [_headline(result, entity), "", _table(result)]
    if result.errors_count:
        lines += ["", _unpublished(result)]
    if result.warnings:
        lines += ["", "**Warnings**", "", *(f"- {warning}" for warning in result.warnings)]
    return "\n".join(lines)


def _headline(result: SyncResult, entity: Entity) -> str:
    if result.unchanged_since and not result.rows_synced:
        return f"No source table was written since {result.unchanged_since:%Y-%m-%d %H:%M} UTC; nothing had to be read."
    if not result.read and not result.rows_synced:
        return f"Nothing changed in `{entity.base}` since the checkpoint; nothing was written."
    return (
        f"{result.rows_synced:,} of {result.read:,} rows read from `{entity.base}` differed and were written"
        f" to `{entity.name}` in {result.duration_seconds:.1f} s."
    )


def _table(result: SyncResult) -> str:
    names = ("read", "inserted", "updated", "unchanged", "deleted", "waiting", "dead_lettered")
    header = " | ".join(name.replace("_", "-") for name in names)
    counts = " | ".join(f"{getattr(result, name):,}" for name in names)
    return f"| {header} |\n|{' ---: |' * len(names)}\n| {counts} |"


def _unpublished(result: SyncResult) -> str:
    return (
        f"{result.waiting:,} rows wait for their parent and are tried again by every run; "
        f"{result.dead_lettered:,} rows can never be published as they are (`sync_status.error_details` names them)."
    )

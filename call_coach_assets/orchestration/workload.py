"""How much a run is going to do, as far as its configuration and the last syncs tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from call_coach_assets.errors import CallCoachError
from call_coach_assets.settings import Settings

LITTLE = 20_000  # rows written by an entity's last sync


def has_little_to_do(entities: Iterable[str], run_config: Mapping[str, Any], settings: Settings) -> bool:
    """Whether each of `entities` was synced before, wrote at most LITTLE rows then, and is not to be read whole now.

    Also where Postgres cannot be asked: whoever fails need not start processes for it.
    """
    from call_coach_assets.sync.sync_status import last_items

    ops = run_config.get("ops", {}).values()
    if any((op.get("config") or {}).get("full_refresh") for op in ops):
        return False
    try:
        items = last_items(settings)
    except CallCoachError:
        return True
    return all(items.get(entity, LITTLE + 1) <= LITTLE for entity in entities)

"""The checks of an entity as Dagster shows them before they ever ran."""

from __future__ import annotations

import dagster as dg

from call_coach_assets.checks.verdict import MEANINGS
from call_coach_assets.sync.entity import Entity


def check_specs(entity: Entity) -> list[dg.AssetCheckSpec]:
    """A spec for each check. None blocks: the children of a doubtful table are right about their own rows."""
    return [dg.AssetCheckSpec(name=name.value, asset=entity.name, description=text) for name, text in MEANINGS.items()]

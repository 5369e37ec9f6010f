"""What of an entity's sources the warehouse has: tables, columns under any spelling, and what may stand in."""

from __future__ import annotations

from collections.abc import Mapping

from call_coach_assets.settings import Settings
from call_coach_assets.sync.catalog import LiveTable, table_path
from call_coach_assets.sync.entity import Entity, SourceTable

Catalog = Mapping[str, LiveTable | None]


def nothing_to_read(entity: Entity, catalog: Catalog, settings: Settings) -> str | None:
    """Why there is nothing to read for the entity; None where there is."""
    if entity.any_of and not any(_is_there(source, catalog) for source in entity.any_of):
        return f"the warehouse has none of {', '.join(entity.any_of)}"
    base = entity.base_table
    if base.presence == "optional" and catalog[base.name] is None and stand_in(entity, catalog) is None:
        return f"{table_path(base, settings)} is not there; it is optional"
    return None


def _is_there(source: str, catalog: Catalog) -> bool:
    dataset, table, *column = source.split(".")
    live = catalog[f"{dataset}.{table}"]
    return live is not None and (not column or spelling(column[0]) in {spelling(name) for name in live.columns})


def stand_in(entity: Entity, catalog: Catalog) -> SourceTable | None:
    """The table that is read in the base's place, where that is absent."""
    found = entity.stand_in is not None and catalog[entity.base] is None and catalog[entity.stand_in] is not None
    return entity.table(entity.stand_in) if found and entity.stand_in else None


def spelling(name: str) -> str:
    """What two spellings of one column have in common: `StageName` and `stage_name`."""
    return name.replace("_", "").lower()


def spellings(live: LiveTable) -> dict[str, str]:
    """The live names by their spelling; of two that are spelled alike, the one in snake_case."""
    by_preference = sorted(live.columns, key=lambda name: (name == name.lower(), "_" in name))
    return {spelling(name): name for name in by_preference}

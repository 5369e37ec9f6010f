"""Schema evolution: what the source's columns were at first, what they are now, and what follows for the target.

    a column appears    the target gets a nullable column for it, filled by one full read, if Entity.new_columns says so
    a column goes       what it fed stays as it is, with a warning; when it comes back, one full read fills it again
    a type changes      values that do not fit become NULL, with a dead letter each; a warning names the column

What the base table has when an entity is synced first is no news: it gets no columns.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from call_coach_assets.settings import Settings
from call_coach_assets.sync.adapt import AdaptedQuery
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Pool
from call_coach_assets.sync.source_memory import Seen, SourceMemory
from call_coach_assets.sync.source_types import loses

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evolution:
    """What a sync makes of the source's columns: `types` are Postgres' types of the columns that were added."""

    warnings: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    refill: tuple[str, ...] = ()  # columns that this sync fills by reading everything


def evolve(database: Pool, entity: Entity, query: AdaptedQuery, settings: Settings) -> Evolution:
    """Compare the source with what was seen of it, and add what is new to the target.

    The caller holds the entity's lock. Raises TargetMissingError and TargetUnavailableError.
    """
    memory = SourceMemory(database, entity, query, Names(settings.sync_schema))
    memory.look()
    memory.note_declared()
    warnings = [warning for name in query.unknown_columns for warning in memory.place(name)]
    memory.note_gone()
    memory.look()
    seen, target, live = memory.seen, memory.target, memory.live
    refill = tuple(sorted(n for n in live if n in seen and not seen[n].filled and (n in target.extras or "." in n)))
    warnings += [*_gone(entity, query, seen, live), *_changed(entity, seen, live)]
    if refill:
        logger.info("%s: everything is read once more, to fill what comes from %s", entity.name, ", ".join(refill))
    types = {name: target.types[column] for name, column in target.extras.items()}
    return Evolution(tuple(warnings), types, refill)


def _gone(entity: Entity, query: AdaptedQuery, seen: Mapping[str, Seen], live: Mapping[str, str]) -> Iterator[str]:
    for column in query.missing_columns:
        yield f"{column} is gone from the source: columns of {entity.name} that only it feeds stay as they are"
    for name, known in seen.items():
        if known.column and name not in live:
            yield f"{entity.base}.{name} is gone from the source: {entity.name}.{known.column} stays as it is"


def _changed(entity: Entity, seen: Mapping[str, Seen], live: Mapping[str, str]) -> Iterator[str]:
    """The columns whose type has changed so that a value may fit no more."""
    declared = {f"{table.name}.{name}": kind for table in entity.tables for name, kind in table.columns.items()}
    for name, kind in live.items():
        if name not in seen or seen[name].type == kind or not (name in declared or seen[name].column):
            continue
        if loses(declared.get(name, seen[name].type), kind):
            label = name if name in declared else f"{entity.base}.{name}"
            yield f"{label} was {seen[name].type} and is {kind}: what does not fit becomes NULL, with a dead letter"

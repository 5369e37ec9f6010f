"""Which entities a person means, in the order in which they are worked on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from call_coach_assets.errors import ConfigurationError
from call_coach_assets.sync.entity import Entity


def chosen(entities: Iterable[Entity], names: Sequence[str]) -> list[Entity]:
    """The enabled entities called `names`, all of them where none is named; parents before children.

    Raises ConfigurationError for a name that is none of them.
    """
    enabled = {entity.name: entity for entity in entities if entity.enabled}
    unknown = sorted(set(names) - set(enabled))
    if unknown:
        raise ConfigurationError(
            f"There is no entity {', '.join(unknown)}",
            why=f"the enabled folders under call_coach_assets/defs are {', '.join(sorted(enabled))}",
            remedy="name some of these, or none for all",
        )
    ordered: dict[str, Entity] = {}
    while len(ordered) < len(enabled):
        ready = [e for name, e in enabled.items() if name not in ordered and not _waits(e, enabled, ordered)]
        ordered.update({entity.name: entity for entity in ready or enabled.values()})
    return [entity for name, entity in ordered.items() if not names or name in names]


def _waits(entity: Entity, enabled: dict[str, Entity], ordered: dict[str, Entity]) -> bool:
    return any(parent in enabled and parent not in ordered for parent in entity.depends_on)

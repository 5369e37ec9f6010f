"""Reading the declarations: every folder under defs/ with its `defs.yaml` and `query.sql`, as an Entity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from call_coach_assets.errors import ConfigurationError
from call_coach_assets.sync.declared_yaml import Declared, read_yaml
from call_coach_assets.sync.entity import Column, Entity, Freshness, Reference, RowCountDelta, SourceTable

DEFS_FOLDER = Path(__file__).parent.parent / "defs"
DECLARATION_FILE = "defs.yaml"
QUERY_FILE = "query.sql"
COMPONENT = "call_coach_assets.components.SyncedEntity"

_MODELS: dict[str, type[BaseModel]] = {
    "tables": SourceTable,
    "columns": Column,
    "references": Reference,
    "row_count_delta": RowCountDelta,
    "freshness": Freshness,
}


def load_entities(folder: Path = DEFS_FOLDER, *, check_queries: bool = True) -> dict[str, Entity]:
    """Every declared entity by its name, parents before children.

    Raises ConfigurationError naming the file and what is wrong in it. Without `check_queries` only the YAML is read:
    parsing the queries takes a fifth of a second, and a query is checked once more before it runs.
    """
    files = sorted(folder.glob(f"*/{DECLARATION_FILE}"))
    entities = [load_entity(file.parent, check_query=check_queries) for file in files]
    by_name = {entity.name: entity for entity in entities}
    for entity in entities:
        if by_name[entity.name] is not entity:
            taken = f"the name {entity.name} is taken by {by_name[entity.name].folder}"
            raise _wrong(entity.folder / DECLARATION_FILE, taken)
        _refuse_unknown_parents(entity, by_name)
    return {name: by_name[name] for name in _parents_first(entities)}


def load_entity(folder: Path, *, check_query: bool = True) -> Entity:
    """The entity of one folder. Raises ConfigurationError naming the file and what is wrong in it."""
    file = folder / DECLARATION_FILE
    declared = read_yaml(file)
    if not isinstance(declared.content, dict) or declared.content.get("type") != COMPONENT:
        raise _wrong(file, f"type must be {COMPONENT}")
    attributes = declared.content.get("attributes")
    if not isinstance(attributes, dict):
        raise _wrong(file, "attributes must be a mapping of an entity's fields")
    entity = _entity(file, declared, attributes)
    if check_query:
        _check(entity)
    return entity


def _entity(file: Path, declared: Declared, attributes: dict[str, Any]) -> Entity:
    filled_in = [name for name in ("query", "folder") if name in attributes]
    if filled_in:
        raise _wrong(file, f"attributes.{filled_in[0]} is not for this file: the query is in {QUERY_FILE} beside it")
    try:
        return Entity(**attributes, query=_query(file.parent), folder=file.parent)
    except ValidationError as error:
        mistakes = "; ".join(_mistake(declared, mistake) for mistake in error.errors())
        raise _wrong(file, mistakes) from error


def _query(folder: Path) -> str:
    try:
        return (folder / QUERY_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(folder / QUERY_FILE, f"it cannot be read: {error}") from error


def _mistake(declared: Declared, mistake: Mapping[str, Any]) -> str:
    """One of pydantic's findings: the line, the field, what is wrong, and what is allowed."""
    location: tuple[str | int, ...] = mistake["loc"]
    found = mistake["msg"].removeprefix("Value error, ")
    if mistake["type"] == "extra_forbidden":
        found = f"there is no such field (allowed: {', '.join(_fields(location))})"
    field = ".".join(map(str, location)) or "attributes"
    return f"line {declared.line(('attributes', *location))}, {field}: {found}"


def _fields(location: tuple[str | int, ...]) -> list[str]:
    model = _MODELS.get(str(location[0]), Entity) if len(location) > 1 else Entity
    return [name for name in model.model_fields if not (model is Entity and name in {"query", "folder"})]


def _check(entity: Entity) -> None:
    from call_coach_assets.sync.query_check import checked_query

    try:
        checked_query(entity)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{entity.folder / QUERY_FILE}: {error.what}", why=error.why, remedy=error.remedy
        ) from error


def _refuse_unknown_parents(entity: Entity, known: Mapping[str, Entity]) -> None:
    parents = {*entity.depends_on, *(reference.entity for reference in entity.references)}
    unknown = sorted(parents - known.keys())
    if unknown:
        names = ", ".join(sorted(known))
        raise _wrong(entity.folder / DECLARATION_FILE, f"no entity is called {', '.join(unknown)} (there are: {names})")
    for reference in entity.references:
        if len(reference.by) != len(known[reference.entity].key):
            key = ", ".join(known[reference.entity].key)
            why = f"references.{reference.column}.by must name one column for each of {reference.entity}'s key ({key})"
            raise _wrong(entity.folder / DECLARATION_FILE, why)


def _parents_first(entities: Iterable[Entity]) -> list[str]:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for entity in entities:
        parents = {*entity.depends_on, *(reference.entity for reference in entity.references)}
        sorter.add(entity.name, *sorted(parents - {entity.name}))
    try:
        return list(sorter.static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise ConfigurationError("The declarations depend on each other in a circle", why=circle) from error


def _wrong(file: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"{file} is wrong", why=why, remedy="correct it; `dg check defs` checks all of them")

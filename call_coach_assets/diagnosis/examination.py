"""Everything that `call-coach doctor` looks at, in the order in which one thing depends on another."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from call_coach_assets.diagnosis.dagster_storage import find_dagster_storage
from call_coach_assets.diagnosis.finding import Finding, from_error, ok, skipped
from call_coach_assets.diagnosis.machine import find_disk_space, find_gong_variables
from call_coach_assets.diagnosis.prefect_backlog import find_prefect_backlog
from call_coach_assets.diagnosis.source import look_at_source
from call_coach_assets.diagnosis.target import look_at_target
from call_coach_assets.errors import CallCoachError
from call_coach_assets.settings import Settings, load_settings
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.entity import Entity


def examine() -> Iterator[Finding]:
    """Look at everything, each finding as soon as it is known; reads both ends and changes neither."""
    yield find_gong_variables(os.environ)
    yield find_disk_space()
    try:
        settings = load_settings()
    except CallCoachError as problem:
        yield from_error("settings", problem)
        yield skipped("BigQuery and Postgres", "the settings cannot be read")
        return
    yield ok("settings", "the embedded stack (CALL_COACH_PROFILE=local)" if settings.local else "can be read")
    try:
        entities = load_entities()
    except CallCoachError as problem:
        yield from_error("entities", problem)
        entities = {}
    yield from examine_ends(settings, entities)


def examine_ends(settings: Settings, entities: Mapping[str, Entity]) -> Iterator[Finding]:
    """Look at BigQuery, Postgres and Dagster's storage, for the tables that `entities` read and write."""
    if entities:
        yield ok("entities", ", ".join(entities))
    yield from look_at_source(settings, entities)
    yield from look_at_target(settings, entities)
    yield find_dagster_storage(settings)
    yield find_prefect_backlog(settings)

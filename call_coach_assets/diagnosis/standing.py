"""Where each entity stands: what Postgres says of it, what BigQuery says of it, and how far apart they are."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from call_coach_assets.diagnosis.connection import connected
from call_coach_assets.diagnosis.target_standing import TargetStanding, read_target_standings
from call_coach_assets.errors import CallCoachError
from call_coach_assets.redaction import redact
from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity

AT_ONCE = 6


@dataclass(frozen=True, kw_only=True)
class SourceStanding:
    """`rows` belong into the target, `newer` of them changed after its checkpoint.

    `skipped` says why there is nothing to count, `problem` why BigQuery did not say.
    """

    rows: int | None = None
    newer: int | None = None
    newest: datetime | None = None
    skipped: str | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One entity at both ends."""

    entity: str
    target: TargetStanding
    source: SourceStanding

    @property
    def lag(self) -> timedelta | None:
        """How far the checkpoint is behind the newest change of the source; None where either is not known.

        A stamp in the future counts as now: it moves no checkpoint.
        """
        checkpoint, newest = self.target.status.checkpoint, self.source.newest
        if checkpoint is None or (newest is None and self.source.newer != 0):
            return None
        behind = min(newest, datetime.now(UTC)) - checkpoint if newest else timedelta(0)
        return max(behind, timedelta(0))


def read_standings(settings: Settings, entities: Mapping[str, Entity]) -> list[Standing]:
    """Where the enabled ones of `entities` stand. What BigQuery does not answer is a `problem` of the standing.

    Raises the TargetError family where Postgres does not answer. Counts in BigQuery read keys and stamps only.
    """
    enabled = {name: entity for name, entity in entities.items() if entity.enabled}
    with connected(settings.database_url) as connection:
        targets = read_target_standings(connection, enabled, settings.sync_schema)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        sources = threads.map(lambda name: _source(enabled[name], settings, targets[name]), enabled)
        return [
            Standing(entity=name, target=targets[name], source=source)
            for name, source in zip(enabled, sources, strict=True)
        ]


def _source(entity: Entity, settings: Settings, target: TargetStanding) -> SourceStanding:
    from call_coach_assets.checks.source_measure import measure_source

    try:
        skipped = _nothing_to_count(entity, settings)
        if skipped:
            return SourceStanding(skipped=skipped)
        measure = measure_source(entity, settings, target.status.checkpoint, target.gone)
    except CallCoachError as problem:
        return SourceStanding(problem=redact(str(problem), settings.secrets))
    return SourceStanding(rows=measure.rows, newer=measure.newer, newest=measure.newest)


def _nothing_to_count(entity: Entity, settings: Settings) -> str | None:
    from call_coach_assets.sync.adapt import adapt
    from call_coach_assets.sync.bigquery import client_for
    from call_coach_assets.sync.catalog import read_catalog

    with closing(client_for(settings)) as client:
        return adapt(entity, read_catalog(client, entity, settings), settings).skipped_reason

"""The jobs: what runs together."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from call_coach_assets.sync.entity import Entity

SYNC_ALL = "sync_all"
RECONCILE = "reconcile"


def sync_all_job(entities: Iterable[Entity]) -> UnresolvedAssetJobDefinition:
    """The job that syncs every enabled entity, parents before children, and checks each."""
    return dg.define_asset_job(
        SYNC_ALL,
        selection=dg.AssetSelection.assets(*(entity.name for entity in entities)),
        description="Carries everything that changed in BigQuery since the last run into Postgres, and checks it."
        " The schedule sync_hourly runs it every hour; launch it at any time to sync now. An entity that fails stops no"
        " other; the run then fails and says which.",
        tags={"call_coach/job": "sync"},
    )

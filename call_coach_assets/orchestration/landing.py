"""Landing an entity's rows within Dagster: dagster-dlt runs the pipeline, and its log lines are the step's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dlt import DagsterDltResource, DagsterDltTranslator
from dagster_dlt.translator import DltResourceTranslatorData

from call_coach_assets.sync.entity_sync import EntitySync


def land(context: dg.AssetExecutionContext, sync: EntitySync) -> None:
    """Run the pipeline of `sync` for the next part of what there is to read."""
    for _ in _Landing().run(context, sync.source, sync.pipeline, _OneAsset(sync.entity.name)):
        pass


class _OneAsset(DagsterDltTranslator):
    """Says that the one resource of an entity's pipeline is the asset of that name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:  # noqa: ARG002 - the same for each
        """The asset of the entity."""
        return dg.AssetSpec(self._name)


class _Landing(DagsterDltResource):
    """Runs an entity's pipeline; what dlt knows of the inbox is of no interest to who looks at the table."""

    def extract_resource_metadata(self, *_: Any, **__: Any) -> Mapping[str, Any]:
        """Nothing: the materialization tells of the application's table."""
        return {}

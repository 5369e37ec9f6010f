"""The component behind every folder under defs/: its declaration becomes an asset with checks and policies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import dagster as dg
from dagster import LocalFileCodeReference
from dagster_shared.yaml_utils.source_position import SourcePosition
from pydantic import BaseModel

from call_coach_assets.orchestration.entity_asset import synced_asset
from call_coach_assets.sync.declarations import QUERY_FILE, load_entity
from call_coach_assets.sync.entity import Entity


class SyncedEntity(dg.Component):
    """Carries one entity from BigQuery into its Postgres table.

    The attributes are the fields of an entity: the source tables that `query.sql` beside the file reads, the columns
    that it yields and where each goes, the key, the references to other entities, and the promises (freshness,
    row-count thresholds). They are literals: settings and secrets come from the environment when an asset runs.
    """

    def __init__(self, entity: Entity) -> None:
        self.entity = entity

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The schema of `attributes:`, by which Dagster's tools complete and check the file."""
        return Entity

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:  # noqa: ARG003 - read below
        """The component of the folder at hand. Raises ConfigurationError naming the file and what is wrong in it.

        A mistake in a query is left to the entity's own step, where it stops no other entity.
        """
        return cls(load_entity(Path(context.path), check_query=False))

    @classmethod
    def get_code_references_for_yaml(
        cls, yaml_path: Path, source_position: SourcePosition, context: dg.ComponentLoadContext
    ) -> Sequence[LocalFileCodeReference]:
        """Where the entity is written: its declaration and its query, which the UI links to."""
        line = source_position.start.line
        return [
            LocalFileCodeReference(file_path=str(yaml_path), line_number=line, label="declaration"),
            LocalFileCodeReference(file_path=str(Path(context.path) / QUERY_FILE), line_number=1, label="query"),
        ]

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 - all is in the entity
        """The entity's asset; none where the entity is not enabled."""
        return dg.Definitions(assets=[synced_asset(self.entity)] if self.entity.enabled else [])

"""The Dagster components of this project: what `type:` of a folder under defs/ may name."""

from call_coach_assets.components.synced_entity import SyncedEntity

__all__ = ["SyncedEntity"]

"""What the assets are given when they run: the settings, read in the process that needs them."""

from __future__ import annotations

import dagster as dg
from pydantic import Field

from call_coach_assets.settings import Settings, load_settings


class SyncSettings(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The environment, read when an asset runs, so that no secret is in a definition or in a run's configuration."""

    def read(self) -> Settings:
        """The settings; under CALL_COACH_PROFILE=local this starts the embedded stack. Raises ConfigurationError."""
        return load_settings()


class SyncConfig(dg.Config):
    """What a person may choose when launching a run."""

    full_refresh: bool = Field(
        default=False,
        description="Read everything again instead of what changed since the checkpoint; nothing is deleted first.",
    )

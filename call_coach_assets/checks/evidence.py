"""What the verdicts of a run are based on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from call_coach_assets.checks.source_measure import SourceMeasure
from call_coach_assets.checks.target_measure import TargetMeasure
from call_coach_assets.checks.verdict import Figure
from call_coach_assets.errors import CallCoachError
from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.result import SyncResult


@dataclass(frozen=True)
class Evidence:
    """Both ends after a publish, or the error for which an end could not be measured. All times are aware UTC.

    `before` holds the figures of each check's last evaluation; `bytes_billed` what the entity's last runs billed, this
    one first; `others_usd_per_month` what each other entity costs, by its own last check.
    """

    entity: Entity
    settings: Settings
    result: SyncResult
    source_end: SourceMeasure | CallCoachError
    target_end: TargetMeasure | CallCoachError
    now: datetime
    before: Mapping[str, Mapping[str, Figure]] = field(default_factory=dict)
    bytes_billed: tuple[int, ...] = ()
    others_usd_per_month: Mapping[str, float] = field(default_factory=dict)

    @property
    def source(self) -> SourceMeasure:
        """The source's end; raises the error for which it could not be measured."""
        if isinstance(self.source_end, CallCoachError):
            raise self.source_end
        return self.source_end

    @property
    def target(self) -> TargetMeasure:
        """The target's end; raises the error for which it could not be measured."""
        if isinstance(self.target_end, CallCoachError):
            raise self.target_end
        return self.target_end

    def figure_before(self, check: str, name: str) -> float | None:
        """What `name` was when `check` was evaluated last; None the first time."""
        value = self.before.get(check, {}).get(name)
        return float(value) if isinstance(value, int | float) else None

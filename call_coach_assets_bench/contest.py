"""Contestants that take turns, and the ratios between them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from statistics import median

from call_coach_assets_bench.measure import Cost, Task

Costs = Mapping[str, Sequence[Cost]]


@dataclass(frozen=True)
class Contestant:
    """Someone who does the same work in another way; what `prepare` does before and after the task is not measured."""

    name: str
    prepare: Callable[[], AbstractContextManager[Task]]


@dataclass(frozen=True)
class Ratio:
    """The median of the rounds' ratios, and the smallest and the largest of them."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        spread = "" if self.low == self.high else f" ({self.low:.2f}–{self.high:.2f})"
        return f"{self.middle:.2f}{spread}"


def compete(contestants: Sequence[Contestant], rounds: int, measure: Callable[[Task], Cost]) -> dict[str, list[Cost]]:
    """The costs of each contestant, one for each round; every round begins with another contestant."""
    costs: dict[str, list[Cost]] = {contestant.name: [] for contestant in contestants}
    for number in range(rounds):
        first = number % len(contestants)
        for contestant in [*contestants[first:], *contestants[:first]]:
            with contestant.prepare() as task:
                gc.collect()
                costs[contestant.name].append(measure(task))
    return costs


def ratio(over: Sequence[float], under: Sequence[float]) -> Ratio:
    """The ratio of two contestants' figures, round by round; figures below a tick of the clock count as one tick."""
    each = [max(one, 0.01) / max(other, 0.01) for one, other in zip(over, under, strict=True)]
    return Ratio(median(each), min(each), max(each))


def walls(costs: Sequence[Cost]) -> list[float]:
    """Wall seconds, round by round."""
    return [cost.wall for cost in costs]


def cpus(costs: Sequence[Cost]) -> list[float]:
    """CPU seconds of client and Postgres together, round by round."""
    return [cost.cpu for cost in costs]


def middle(values: Sequence[float]) -> float:
    """The median."""
    return median(values)

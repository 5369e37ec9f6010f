"""The shape in which what is expected and what is observed are compared: rows by their natural keys, never by UUIDs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ENTITIES = ("calls", "speakers", "transcripts", "opportunities", "emails", "call_opportunities")

Key = tuple[Any, ...]  # (call,) (call, speaker) (call, sequence number) (opportunity,) (email,) (call, opportunity)
Tables = Mapping[str, list[dict[str, Any]]]  # "gong.call" and its like -> the rows; a name that is missing is absent
Pinned = Mapping[str, set[Key]]  # entity -> keys of the rows on which rows of the application hang


@dataclass
class World:
    """Every entity's rows by key, the keys that wait for a parent, and the keys that are dead letters."""

    rows: dict[str, dict[Key, dict[str, Any]]] = field(default_factory=lambda: {name: {} for name in ENTITIES})
    waiting: dict[str, set[Key]] = field(default_factory=lambda: {name: set() for name in ENTITIES})
    dead_letters: dict[str, set[Key]] = field(default_factory=lambda: {name: set() for name in ENTITIES})


class Anything:
    """A value that only has to be there: it equals whatever is not None."""

    def __repr__(self) -> str:
        return "<anything but NULL>"


ANYTHING = Anything()

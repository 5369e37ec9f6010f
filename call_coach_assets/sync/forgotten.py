"""Forgetting what was noted of rows that an end no longer has: that they wait, their dead letters, their lineage."""

from __future__ import annotations

from collections.abc import Sequence

from call_coach_assets.sync.publication import Publication, same
from call_coach_assets.sync.row_scan import SOURCE
from call_coach_assets.sync.target_scan import waiting_key

_LETTERS = """
DELETE FROM {dead_letters} d WHERE d.entity = %(entity)s AND d.key = ANY (%(keys)s) AND NOT EXISTS (
    SELECT FROM {source} s WHERE s.row_key = d.key AND NOT s.deleted
)
"""
_WAITING = """
DELETE FROM {inbox} i WHERE {key} = ANY (%(keys)s) AND NOT EXISTS (
    SELECT FROM {source} s WHERE s.row_key = {key} AND NOT s.deleted
)
"""

_LINEAGE = "DELETE FROM {rows} r WHERE NOT EXISTS (SELECT FROM {target} t WHERE {same})"


def forget(work: Publication, keys: Sequence[str]) -> None:
    """Of `keys`, forget those that the source, as it was copied by `fill_source`, does not have or flags deleted."""
    if keys:
        work.execute(_LETTERS, {"keys": list(keys)}, source=SOURCE)
        if work.target.inbox:
            work.execute(_WAITING, {"keys": list(keys)}, source=SOURCE, key=waiting_key(work))


def forget_lineage(work: Publication) -> None:
    """Forget which load wrote the rows that somebody else deleted from the target."""
    work.execute(_LINEAGE, same=same("t", "r", work.target.identity))

"""Entities that are read scope by scope: what a read of a scope does not hold any more is gone."""

from __future__ import annotations

from psycopg import sql

from call_coach_assets.sync.entity import Reference
from call_coach_assets.sync.publication import Publication, columns_of, equal, parent_rows, same

_DOOM_ABSENT = """
INSERT INTO {doomed} ({identity})
SELECT {target_identity}
FROM (SELECT DISTINCT {scope} FROM {staged} s WHERE s._fresh AND s._verdict <> 'reject') read
JOIN {parent} p ON {found}
JOIN {target} t ON t.{reference} = p.id
LEFT JOIN {staged} s ON {same} AND s._verdict <> 'delete'
WHERE s._n IS NULL
"""


def doom_absent(work: Publication) -> None:
    """Put into `doomed` the target rows of each freshly read scope that the read does not hold.

    A scope whose rows only wait from an earlier load was not read now, and loses nothing.
    """
    reference = _scope_reference(work)
    if reference is None:
        return
    parent = work.entities[reference.entity]
    work.execute(
        _DOOM_ABSENT,
        identity=sql.SQL(", ").join(map(sql.Identifier, work.target.identity)),
        target_identity=columns_of("t", work.target.identity),
        scope=columns_of("s", work.entity.scope),
        parent=parent_rows(parent, work.names),
        found=equal("p", "read", zip(parent.key, work.entity.scope, strict=True)),
        reference=sql.Identifier(reference.column),
        same=same("s", "t", work.entity.match),
    )


def _scope_reference(work: Publication) -> Reference | None:
    return next((r for r in work.entity.references if work.entity.scope and r.by == work.entity.scope), None)

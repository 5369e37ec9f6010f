"""Which target row a candidate is: by its natural key, by the bookkeeping, by its derived id, or by adoption.

Rows that an older importer wrote have random ids and no bookkeeping. They are recognised by the natural key, or by
the columns that the declaration says to adopt by; each is taken once and keeps its id.
"""

from __future__ import annotations

from psycopg import sql

from call_coach_assets.sync.entity import ColumnType
from call_coach_assets.sync.publication import Publication, columns_of, same

_CREATE = "CREATE TEMPORARY TABLE {matched} (_n bigint PRIMARY KEY, {identity}) ON COMMIT DROP"
_UNIQUE = """
INSERT INTO {matched} SELECT s._n, {identity} FROM {staged} s JOIN {target} t ON {match}
WHERE s._verdict IN ('write', 'delete')
"""
# In a backfill most candidates belong to a call that has no row yet: to look for calls takes less than for each row.
# LATERAL, since the planner would rather read the whole target.
_ANY = """
SELECT EXISTS (
    SELECT FROM (SELECT DISTINCT s.{first} FROM {staged} s) s
    CROSS JOIN LATERAL (SELECT FROM {target} t WHERE t.{first} = s.{first} LIMIT 1) t
)
"""
# of several rows: the one that is known, else the one in which the application has written most, else the smallest id;
# the others, which an older importer wrote beside it, are doomed
_ONE_OF_SEVERAL = """
WITH found AS (
    SELECT s._n, s._verdict, {identity},
           row_number() OVER (
               PARTITION BY s._n ORDER BY r.load IS NULL, num_nonnulls({owned}) DESC, {identity}
           ) AS _place
    FROM {staged} s JOIN {target} t ON {match} LEFT JOIN {rows} r ON {known}
    WHERE s._verdict IN ('write', 'delete')
), others AS (
    INSERT INTO {doomed} ({names}) SELECT {names} FROM found WHERE _place > 1
)
INSERT INTO {matched} SELECT _n, {names} FROM found WHERE _place = 1
"""
_BOOKKEPT = """
INSERT INTO {matched} SELECT s._n, t.id FROM {staged} s JOIN {rows} r ON {key} JOIN {target} t ON t.id = r.id
WHERE s._verdict IN ('write', 'delete')
"""
_DERIVED = """
INSERT INTO {matched}
SELECT s._n, t.id
FROM {staged} s LEFT JOIN {matched} m ON m._n = s._n JOIN {target} t ON t.id = s._new_id
WHERE s._verdict IN ('write', 'delete') AND m._n IS NULL
"""
_ADOPT = """
WITH wanted AS (
    SELECT s._n, {wanted_named},
           row_number() OVER (PARTITION BY {wanted} ORDER BY s._verdict = 'delete', s._key) AS _place
    FROM {staged} s LEFT JOIN {matched} m ON m._n = s._n
    WHERE s._verdict IN ('write', 'delete') AND m._n IS NULL
), free AS (
    SELECT t.id, {named}, row_number() OVER (PARTITION BY {offered} ORDER BY t.id) AS _place
    FROM (SELECT DISTINCT {named} FROM wanted) w
    JOIN {target} t ON ({offered}) = ({named})
    LEFT JOIN {rows} r ON r.id = t.id
    LEFT JOIN {matched} m ON m.id = t.id
    WHERE r.id IS NULL AND m.id IS NULL
)
INSERT INTO {matched} SELECT w._n, f.id FROM wanted w JOIN free f USING ({named}, _place)
"""


def match(work: Publication) -> None:
    """Fill `matched`: the identity of the target row of each candidate that has one. Doubles go to `doomed`."""
    identity = work.target.identity
    work.execute(_CREATE, identity=sql.SQL(", ").join(sql.SQL("{} uuid").format(sql.Identifier(c)) for c in identity))
    if work.entity.match:
        _match_by_natural_key(work)
    else:
        work.execute(_BOOKKEPT, key=same("s", "r", work.entity.key))
        work.execute("ANALYZE {matched}")
        work.execute(_DERIVED)
        work.execute("ANALYZE {matched}")
        if work.entity.adopt:
            _adopt(work)
    work.execute("ANALYZE {matched}")


def _match_by_natural_key(work: Publication) -> None:
    identity = columns_of("t", work.target.identity)
    found_by = same("t", "s", work.entity.match)
    if work.target.match_is_unique:
        work.execute(_UNIQUE, identity=identity, match=found_by)
        return
    if work.target.match_is_indexed and not work.value(_ANY, first=sql.Identifier(work.entity.match[0])):
        return
    known = same("r", "t", work.target.identity)
    owned = columns_of("t", work.target.application_columns)
    if not work.target.application_columns:
        owned = sql.Composed([sql.SQL("NULL::text")])
    names = sql.SQL(", ").join(map(sql.Identifier, work.target.identity))
    work.execute(_ONE_OF_SEVERAL, identity=identity, names=names, match=found_by, known=known, owned=owned)


def _adopt(work: Publication) -> None:
    """Pair candidates and free rows that agree on the columns to adopt by, in the order of keys and of ids."""
    wanted, offered = _folded(work, "s"), _folded(work, "t")
    names = [sql.Identifier(f"_{place}") for place in range(1, len(wanted) + 1)]
    named = [sql.SQL("{} AS {}").format(value, name) for value, name in zip(wanted, names, strict=True)]
    comma = sql.SQL(", ")
    work.execute(
        _ADOPT,
        wanted=comma.join(wanted),
        wanted_named=comma.join(named),
        offered=comma.join(offered),
        named=comma.join(names),
    )


def _folded(work: Publication, alias: str) -> list[sql.Composed]:
    """The values of the columns to adopt by, texts in lower case."""
    texts = {column.name for column in work.entity.columns if column.type is ColumnType.TEXT}
    return [
        (sql.SQL("lower({})") if name in texts else sql.SQL("{}")).format(sql.Identifier(alias, name))
        for name in work.entity.adopt
    ]

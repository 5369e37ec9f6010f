"""From the inbox to typed candidates: the newest version of each key, with its parents' ids and a verdict.

The verdict on a candidate is one of

    write   insert or update its target row
    delete  the source flags it deleted
    wait    a required parent is not there yet: the row stays in the inbox
    drop    a required parent was deleted at the source: the row is gone with it; or it is deleted and has no key
    marker  it only says that a scope was read and holds nothing
    reject  it can never be published as it is
"""

from __future__ import annotations

from dataclasses import replace

import psycopg
from psycopg import sql

from call_coach_assets.sync import staging
from call_coach_assets.sync.links import any_missing
from call_coach_assets.sync.narrowing import misfits
from call_coach_assets.sync.publication import Publication, columns_of
from call_coach_assets.sync.quarantine import about_a_row, in_quarantine
from call_coach_assets.sync.tally import tally
from call_coach_assets.sync.versions import Choice, any_null, landed

_STAGE = """
INSERT INTO {staged} ({columns})
SELECT {read}, CASE
    WHEN v._deleted THEN CASE WHEN v._keyed THEN 'delete' ELSE 'drop' END
    WHEN v._problem IS NOT NULL THEN 'reject'
    WHEN v._marks THEN 'marker'
    WHEN v._orphaned THEN 'drop'
    WHEN v._waits_for IS NOT NULL THEN 'wait'
    ELSE 'write'
END
FROM (
    SELECT i._n, i._tid, i._key, i._fresh, {new_id} AS _new_id, i._changed_at, i._cursor,
           coalesce(i._deleted, false) AS _deleted, {misfits} AS _misfits,
           i._warnings LIKE '["%%' AS _warned, {extra} AS _extra, i._digest::uuid AS _digest,
           {problem} AS _problem, {orphaned} AS _orphaned, {waits_for} AS _waits_for,
           {marker} AS _marks, {keyed} AS _keyed{values}
    FROM {candidates} i {parents}
) v
"""
_CHOSEN = """
(SELECT n._n, n._key, n._fresh, i.* FROM {newest} n JOIN {landed} i ON i._tid = n._tid
 WHERE n._n BETWEEN %(first)s AND %(last)s)
"""
_CREATE_NEWEST = """
CREATE TEMPORARY TABLE {newest} (_n bigint, _tid tid, _key text, _fresh boolean) ON COMMIT DROP
"""


def stage(work: Publication, loads: list[str]) -> tuple[Publication, int]:
    """Fill `staged`, put what Postgres cannot parse into `refused`.

    Returns the publication, whose `{newest}` names every candidate from then on and which has tallies of them, and
    the number of candidates.
    """
    _create(work)
    choice = Choice.among(work, loads)
    count = _stage_every(work, choice)
    if count is None:
        count = _stage_chosen(work, choice)
    else:
        work = replace(work, newest="staged")
    work.execute("ANALYZE {staged} ({joined})", joined=_joined_columns(work))
    return replace(work, tallies=tally(work, any_missing(work))), count


def _stage_every(work: Publication, choice: Choice) -> int | None:
    """Stage all that is landed, at once; None where there is something to choose or to refuse."""
    if not work.settled and choice.is_open(work):
        return None
    parts = {**_stage_parts(work), "candidates": choice.every(work)}
    try:
        with work.connection.transaction():
            return work.execute(_STAGE, choice.known, **parts).rowcount
    except psycopg.Error as error:
        if not about_a_row(error):
            raise
        return None


def _stage_chosen(work: Publication, choice: Choice) -> int:
    """Stage the newest version of each key, without those that Postgres refuses."""
    choice.fill_newest(work)
    count = int(work.value("SELECT count(*) FROM {newest}"))
    work.execute("ANALYZE {newest}")
    chosen = work.compose(_CHOSEN, landed=landed(work))
    in_quarantine(work, work.compose(_STAGE, **_stage_parts(work), candidates=chosen), count)
    return count


def _create(work: Publication) -> None:
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
        for name, kind in staging.staged_columns(work).items()
    ]
    work.execute(_CREATE_NEWEST)
    work.execute(
        "CREATE TEMPORARY TABLE {staged} ({columns}) ON COMMIT DROP",
        columns=sql.SQL(", ").join(columns),
    )


def _joined_columns(work: Publication) -> sql.Composed:
    """The columns by which later stages join: statistics of long texts would cost more than they tell."""
    known = {*work.entity.key, *(reference.column for reference in work.entity.references)}
    return sql.SQL(", ").join(map(sql.Identifier, ["_n", "_verdict", "_new_id", *sorted(known)]))


def _stage_parts(work: Publication) -> dict[str, sql.Composable]:
    entity = work.entity
    columns = [name for name in staging.staged_columns(work) if name != "_verdict"]
    values = [staging.value_of(work, column.name) for column in entity.columns]
    values += [staging.parent_id(reference) for reference in entity.references]
    values += [staging.extra_value(work, source, column) for source, column in work.target.extras.items()]
    named = zip(values, columns[-len(values) :], strict=True)
    return {
        "columns": sql.SQL(", ").join(map(sql.Identifier, [*columns, "_verdict"])),
        "read": columns_of("v", columns),
        "values": sql.Composed([sql.SQL(", {} AS {}").format(value, sql.Identifier(name)) for value, name in named]),
        "new_id": staging.derived_id(entity),
        "misfits": misfits(work, staging.json_of(sql.SQL("i._misfits"))),
        "extra": staging.json_of(sql.SQL("i._extra")),
        "problem": staging.problem(work),
        "orphaned": staging.orphaned(work),
        "waits_for": staging.waits_for(work),
        "marker": staging.marker(entity, "i"),
        "keyed": sql.SQL("NOT ({})").format(any_null("i", entity.key)),
        "parents": sql.SQL(" ").join(staging.parents(work)),
    }

"""One row that Postgres refuses must not keep the others out: the refused ones are found by halving."""

from __future__ import annotations

import psycopg
from psycopg import sql

from call_coach_assets.errors import TargetRefusedError
from call_coach_assets.sync.publication import Publication

MOST_REFUSED_IN_A_ROW = 1000  # when the first thousand rows are all refused, the rows are not what is wrong
_ABOUT_A_ROW = ("22", "23", "54", "P0001")
_PARENT_GONE = "23503"  # a parent was deleted since it was looked up: the row waits for it like any other
_NOTE = "INSERT INTO {refused} (_n, reason, waits) VALUES (%(n)s, %(reason)s, %(waits)s)"
_CREATE = "CREATE TEMPORARY TABLE {refused} (_n bigint, reason text, waits boolean) ON COMMIT DROP"


def open_quarantine(work: Publication) -> None:
    """Make the table of refused candidates: number, reason, and whether the row can wait for a next run."""
    work.execute(_CREATE)


def in_quarantine(work: Publication, statement: sql.Composed, last: int) -> int:
    """Run a statement for the candidates 1 to `last`, without those that Postgres refuses; return the rows it wrote.

    The statement limits itself to candidates from `%(first)s` to `%(last)s`. A refused candidate is noted in
    `refused`. Raises TargetRefusedError where the first MOST_REFUSED_IN_A_ROW are all refused.
    """
    ranges, written, refused = [(1, last)], 0, 0
    while ranges:
        first, last = ranges.pop()
        try:
            with work.connection.transaction():
                written += work.execute(statement, {"first": first, "last": last}).rowcount
            refused = -1 if written else refused
        except psycopg.Error as error:
            if not about_a_row(error):
                raise
            if first < last:
                middle = (first + last) // 2
                ranges += [(middle + 1, last), (first, middle)]
                continue
            _note(work, first, error)
            refused = _count(refused, error, work)
    return written


def about_a_row(error: psycopg.Error) -> bool:
    """Whether Postgres refused a row, and might take others."""
    return (error.sqlstate or "").startswith(_ABOUT_A_ROW)


def _note(work: Publication, number: int, error: psycopg.Error) -> None:
    reason = error.diag.message_primary or str(error)
    work.execute(_NOTE, {"n": number, "reason": reason, "waits": error.sqlstate == _PARENT_GONE})


def _count(refused: int, error: psycopg.Error, work: Publication) -> int:
    """One more refused than before; -1 stays, it says that some row was taken."""
    if refused < 0:
        return refused
    if refused + 1 >= MOST_REFUSED_IN_A_ROW:
        raise TargetRefusedError(
            f"Postgres refuses every row of {work.entity.name}",
            why=f"{MOST_REFUSED_IN_A_ROW} rows in a row, the last because {error.diag.message_primary}",
            remedy="`call-coach doctor` compares the application's tables with what the sync expects",
        ) from error
    return refused + 1

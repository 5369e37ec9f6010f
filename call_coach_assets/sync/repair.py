"""Repairing what a comparison found: what is too much is deleted, what is missing or different is read again."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from call_coach_assets.settings import Settings
from call_coach_assets.sync.bookkeeping import request_refetch
from call_coach_assets.sync.deletes import delete_doomed, open_doomed
from call_coach_assets.sync.findings import FOUND, Findings
from call_coach_assets.sync.publication import Publication
from call_coach_assets.sync.run_record import begin, note

LARGEST_SHARE = 0.10  # of a table that a comparison may delete
MOST_KEYS_READ_AGAIN = 20_000  # beyond, reading everything again costs fewer scans

# of a double the key lives on, in another row: it leaves no tombstone
_DOOM = """
INSERT INTO {doomed} ({identity}, _parts, _key, _at)
SELECT {identity}, CASE WHEN kind = 'extra' THEN parts END, CASE WHEN kind = 'extra' THEN row_key END,
       coalesce(CASE WHEN kind = 'extra' THEN changed_at END, now())
FROM {found} WHERE kind = ANY (%(kinds)s)
"""


@dataclass(frozen=True)
class Repair:
    """Rows that were deleted, and rows that stay because the application hangs its own on them."""

    deleted: int = 0
    kept: int = 0


def refusal_of(findings: Findings, rows: int) -> str | None:
    """Why nothing may be deleted, where it would be more than LARGEST_SHARE of the table's `rows`."""
    if findings.unwanted <= LARGEST_SHARE * rows:
        return None
    return (
        f"{findings.unwanted} of {rows} rows are not in the source, which is more than {LARGEST_SHARE:.0%}:"
        " a source that is being imported again looks like this"
    )


def repair(work: Publication, findings: Findings, settings: Settings, *, final: bool) -> Repair:
    """Delete, and put on the list what the next sync reads again; all in the transaction that found it."""
    if not final and findings.wrong and len(findings.to_read) <= MOST_KEYS_READ_AGAIN:
        entity = work.entity
        request_refetch(work.connection, entity.name, entity.key[0], findings.to_read, settings.sync_schema)
    if not findings.unwanted or refusal_of(findings, int(work.value("SELECT count(*) FROM {target}"))):
        return Repair()
    kinds = ["extra", "double"]
    return _delete(work, [*kinds, "unknown"] if final or not findings.wrong else kinds)


def _delete(work: Publication, kinds: list[str]) -> Repair:
    writing = begin(work.connection, work.entity, work.entities, work.names, work.run)
    open_doomed(writing)
    identity = sql.SQL(", ").join(map(sql.Identifier, work.target.identity))
    doomed = writing.execute(_DOOM, {"kinds": kinds}, identity=identity, found=FOUND).rowcount
    deleted, _ = delete_doomed(writing)
    note(writing, (), {"deleted": deleted, "kept": doomed - deleted})
    return Repair(deleted, doomed - deleted)

"""Which rows differ, among those of the buckets that do: missing, extra, different by column, or merely under way.

A row is missing where the source has it, the target does not, and nothing is known that keeps it out: it does not wait,
is not dead-lettered, and its parent was not deleted. What cannot be published, and no sync has seen, is missing too, or
different: reading it makes it a dead letter. What waits or is dead-lettered, and the source has no more, is forgotten.
A row is extra where the source has no such key, or has flagged it
deleted, or where another row of the target has its key already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import sql

from call_coach_assets.sync import sync_status
from call_coach_assets.sync.bigquery import Answer
from call_coach_assets.sync.compared import ComparedColumn
from call_coach_assets.sync.publication import Publication, columns_of
from call_coach_assets.sync.row_scan import SOURCE, TARGET, fill_source, fill_target, identity_types
from call_coach_assets.sync.source_scan import required_references
from call_coach_assets.sync.target_scan import TargetScan, aside_keys

MOST_EXAMPLES = 10
FOUND = sql.Identifier("pg_temp", "reconcile_found")

_CREATE_FOUND = """
CREATE TEMPORARY TABLE {table} (
    kind text, row_key text, part text, changed_at timestamptz, parts text[], columns text[], {identity}
) ON COMMIT DROP
"""
_JUDGE = """
INSERT INTO {found}
SELECT * FROM (
    SELECT CASE
        WHEN s.changed_at > %(checkpoint)s AND s.changed_at <= %(now)s THEN 'under way'
        WHEN a.key IS NOT NULL AND NOT coalesce(s.deleted, true) THEN 'aside'
        WHEN t.parts IS NULL THEN CASE WHEN s.live AND NOT ({orphaned}) THEN 'missing' END
        WHEN t.row_key IS NULL THEN 'unknown'
        WHEN t.place > 1 THEN 'double'
        WHEN s.row_key IS NULL OR s.deleted THEN 'extra'
        WHEN s.live AND {differs} THEN 'different'
    END AS kind, coalesce(s.row_key, t.row_key), s.part, s.changed_at, t.parts, {columns}, {identity}
    FROM (
        SELECT DISTINCT ON (row_key) * FROM {source} ORDER BY row_key, live DESC, changed_at DESC NULLS LAST
    ) s
    FULL JOIN {target_table} t ON t.row_key = s.row_key
    LEFT JOIN ({aside}) a ON a.key = coalesce(s.row_key, t.row_key)
) judged
WHERE kind <> 'aside'
"""
_ORPHANED = """
EXISTS (SELECT FROM {tombstones} d WHERE d.entity = {parent} AND md5(d.key) = md5({key}) AND d.key = {key})
"""
_BY_COLUMN = """
SELECT name, count(*) FROM {found}, unnest(columns) AS name WHERE kind = 'different' GROUP BY name ORDER BY name
"""
_EXAMPLES = """
SELECT kind, coalesce(row_key, 'a row of unknown key'), columns FROM {found}
WHERE kind <> 'under way' ORDER BY kind, row_key LIMIT {most}
"""
_TO_READ = "SELECT DISTINCT part FROM {found} WHERE kind IN ('missing', 'different') ORDER BY part"


@dataclass(frozen=True)
class Findings:
    """Counts are rows. A double has a key that another row has; of an unknown one the sync does not know the key."""

    missing: int = 0
    extra: int = 0
    double: int = 0
    unknown: int = 0
    different_rows: int = 0
    under_way: int = 0
    different: dict[str, int] = field(default_factory=dict)  # by column
    examples: tuple[str, ...] = ()
    to_read: tuple[str, ...] = ()  # the first parts of the keys to read again

    @property
    def wrong(self) -> int:
        """The rows that reading again repairs."""
        return self.missing + self.different_rows

    @property
    def unwanted(self) -> int:
        """The rows that the source does not have."""
        return self.extra + self.double + self.unknown


def find(work: Publication, target: TargetScan, buckets: Sequence[str], answer: Answer) -> Findings:
    """Compare the rows of `buckets` one by one; `answer` holds the source's.

    What is found lies in the table FOUND until the transaction ends.
    """
    fill_source(work, target.columns, answer.batches)
    fill_target(work, target, buckets)
    _judge(work, target.columns, answer.started_at)
    counts = dict(work.execute("SELECT kind, count(*) FROM {found} GROUP BY kind", found=FOUND).fetchall())
    return Findings(
        missing=counts.get("missing", 0),
        extra=counts.get("extra", 0),
        double=counts.get("double", 0),
        unknown=counts.get("unknown", 0),
        different_rows=counts.get("different", 0),
        under_way=counts.get("under way", 0),
        different=dict(work.execute(_BY_COLUMN, found=FOUND).fetchall()),
        examples=tuple(
            f"{key} is {kind}" + (f" in {', '.join(names)}" if kind == "different" else "")
            for kind, key, names in work.execute(_EXAMPLES, found=FOUND, most=sql.Literal(MOST_EXAMPLES))
        ),
        to_read=tuple(row[0] for row in work.execute(_TO_READ, found=FOUND)),
    )


def _judge(work: Publication, columns: Sequence[ComparedColumn], now: datetime) -> None:
    unlike = [sql.SQL("s.{0} <> t.{0}").format(sql.Identifier(f"c{n}")) for n, _ in enumerate(columns)]
    named = [
        sql.SQL("CASE WHEN {} THEN {} END").format(differs, sql.Literal(column.name))
        for differs, column in zip(unlike, columns, strict=True)
    ]
    orphaned = [
        work.compose(_ORPHANED, parent=sql.Literal(r.entity), key=sql.Identifier("s", f"parent_{n}"))
        for n, r in enumerate(required_references(work.entity))
    ]
    checkpoint, _ = sync_status.advance(work, None)
    work.execute(_CREATE_FOUND, table=FOUND, identity=identity_types(work))
    work.execute(
        _JUDGE,
        {"checkpoint": checkpoint, "now": now},
        found=FOUND,
        source=SOURCE,
        target_table=TARGET,
        aside=aside_keys(work),
        orphaned=sql.SQL(" OR ").join([*orphaned, sql.SQL("false")]),
        differs=sql.SQL("({})").format(sql.SQL(" OR ").join([*unlike, sql.SQL("false")])),
        columns=sql.SQL("array_remove(ARRAY[{}]::text[], NULL)").format(sql.SQL(", ").join(named)),
        identity=columns_of("t", work.target.identity),
    )

"""The target's side of a comparison: checksums of all buckets, and which keys are known not to be there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5
from math import ceil, log

from psycopg import sql

from call_coach_assets.errors import ConfigurationError
from call_coach_assets.settings import Settings
from call_coach_assets.sync.adapt import AdaptedQuery
from call_coach_assets.sync.checksums import target_bucket, target_checksum
from call_coach_assets.sync.compared import ComparedColumn, compared_columns, target_key, target_rows
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.foreign_keys import ForeignKeys
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection
from call_coach_assets.sync.publication import Publication, RunInfo
from call_coach_assets.sync.source_scan import ASIDE, required_references
from call_coach_assets.sync.target import read_target

MOST_KEYS = 10_000  # that one query is given; what is beyond is told apart row by row
ROWS_PER_BUCKET = 200
Buckets = dict[str | None, tuple[int, int | None]]  # by bucket: rows and the XOR of their checksums; None: key unknown

_HAS_DIGESTS = """
SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass({}) AND attname = 'target_hash' AND NOT attisdropped
"""
_BUCKETS = """
SELECT {bucket}, count(*), bit_xor({checksum})
FROM (SELECT {key} AS row_key{values} {target_rows}) v
WHERE NOT EXISTS (SELECT FROM unnest(%(aside)s::text[]) a (row_key) WHERE a.row_key = v.row_key)
GROUP BY 1
"""
_ASIDE = "SELECT key FROM {dead_letters} WHERE entity = %(entity)s AND payload ?& {key}{waiting}"
_WAITING = " UNION SELECT {key} FROM {inbox} i"
_GONE = "SELECT key FROM {tombstones} WHERE entity = %(parent)s ORDER BY deleted_at DESC LIMIT %(most)s"


@dataclass(frozen=True)
class TargetScan:
    """The target as it is; `aside` are keys that wait or are dead-lettered, `gone` deleted keys of each parent."""

    rows: int
    digits: int  # of the hex that names a bucket
    buckets: Buckets
    columns: Sequence[ComparedColumn]
    aside: list[str]
    gone: Mapping[str, list[str]]

    def bucket_of(self, name: str) -> str:
        """The bucket in which the rows of a bucket are looked for: of one that is a key, that of the key."""
        key = name.removeprefix(ASIDE)
        return name if key == name else md5(key.encode(), usedforsecurity=False).hexdigest()[: self.digits]


def looking(
    connection: Connection, entity: Entity, entities: Mapping[str, Entity], settings: Settings, run_id: str
) -> Publication:
    """A publication that only looks: nothing is recorded, nothing is locked.

    Raises ConfigurationError where the entity was never synced: there is nothing to compare then.
    """
    names = Names(settings.sync_schema)
    if not _exists(connection, names.rows(entity.name)) or not _exists(connection, names.table("reconciliations")):
        raise ConfigurationError(
            f"{entity.name} was never synced",
            why=f"schema {names.schema} lacks the sync's own tables",
            remedy=f"run `call-coach sync {entity.name}` first",
        )
    return Publication(
        connection=connection,
        entity=entity,
        entities=entities,
        names=names,
        target=read_target(connection, entity, names),
        foreign_keys=ForeignKeys((), entities),
        run=RunInfo(run_id=run_id),
        load=0,
    )


def _exists(connection: Connection, table: sql.Identifier) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table.as_string(connection)]).fetchone()
    return bool(row and row[0])


def scan(work: Publication, query: AdaptedQuery) -> TargetScan:
    """Checksum the whole target."""
    columns = compared_columns(work, query, digested=_has_digests(work))
    rows = int(work.value("SELECT count(*) FROM {target}"))
    digits = min(4, max(1, ceil(log(max(rows, 1) / ROWS_PER_BUCKET, 16)))) if rows else 1
    aside = [row[0] for row in work.execute(sql.Composed([aside_keys(work), sql.SQL(f" LIMIT {MOST_KEYS}")]))]
    buckets = _buckets(work, columns, digits, aside) | {ASIDE + key: (1, 0) for key in aside}
    return TargetScan(rows, digits, buckets, columns, aside, _gone(work))


def _has_digests(work: Publication) -> bool:
    table = work.names.rows(work.entity.name).as_string(work.connection)
    return bool(work.execute(sql.SQL(_HAS_DIGESTS).format(sql.Literal(table))).fetchone() != (0,))


def _buckets(work: Publication, columns: Sequence[ComparedColumn], digits: int, aside: list[str]) -> Buckets:
    texts = [sql.Identifier("v", "row_key"), *(sql.Identifier("v", f"c{n}") for n, _ in enumerate(columns))]
    found = work.execute(
        _BUCKETS,
        {"aside": aside},
        bucket=target_bucket(sql.Identifier("v", "row_key"), digits),
        checksum=target_checksum(texts),
        key=target_key(work),
        values=target_values(columns),
        target_rows=target_rows(work),
    )
    return {bucket: (count, checksum) for bucket, count, checksum in found}


def target_values(columns: Sequence[ComparedColumn]) -> sql.Composed:
    """`, text AS c0, text AS c1 …` of a row of the target."""
    return sql.Composed(
        [sql.SQL(", {} AS {}").format(column.target, sql.Identifier(f"c{n}")) for n, column in enumerate(columns)]
    )


def aside_keys(work: Publication) -> sql.Composed:
    """The statement that yields the keys of which the target lacks a row, or holds less of it, for a known reason."""
    waiting = work.compose(_WAITING, key=waiting_key(work)) if work.target.inbox else sql.SQL("")
    return work.compose(_ASIDE, waiting=waiting, key=sql.Literal(list(work.entity.key)))


def waiting_key(work: Publication) -> sql.Composed:
    """The key of a row of the inbox, `i`, as text."""
    parts = [sql.SQL("coalesce({}::text, '?')").format(sql.Identifier("i", name)) for name in work.entity.key]
    return sql.SQL("concat_ws('/', {})").format(sql.SQL(", ").join(parts))


def _gone(work: Publication) -> dict[str, list[str]]:
    """The newest deleted keys of the parent of each required reference, by the number of the reference."""
    return {
        f"gone_{n}": [row[0] for row in work.execute(_GONE, {"parent": reference.entity, "most": MOST_KEYS})]
        for n, reference in enumerate(required_references(work.entity))
    }

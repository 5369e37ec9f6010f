"""One publish under way: its transaction, what it publishes, and the tables that its statements name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, LiteralString, Protocol

import psycopg
from psycopg import sql

from call_coach_assets.sync.bookkeeping import Refetch
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.foreign_keys import ForeignKeys
from call_coach_assets.sync.names import Names
from call_coach_assets.sync.postgres import Connection
from call_coach_assets.sync.source_answers import Question
from call_coach_assets.sync.tally import Tally
from call_coach_assets.sync.target import Target

KEY_SEPARATOR = "/"


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """The run that publishes: what lineage records of it, and what the read found out."""

    run_id: str
    load_ids: tuple[str, ...] = ()  # dlt's ids of the packages that this run completed
    query_sha256: str = ""
    query: str = ""  # the text that ran, kept once for each fingerprint
    unfed_columns: frozenset[str] = frozenset()  # columns whose source is gone: the target keeps what it has
    refilled: tuple[str, ...] = ()  # source columns that were read for every row, and are filled everywhere now
    answered: Question | None = None  # what the read has answered: it need not be asked again
    refetched: tuple[Refetch, ...] = ()  # what was read again by key, and need not be once more
    settled: bool = False  # the inbox holds what this run landed and nothing else: each key once, and no row without
    bytes_processed: int = 0
    bytes_billed: int = 0
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Slice(Protocol):
    """A part of the inbox that is published by itself."""

    @property
    def load(self) -> str | None:
        """dlt's id of the only load that it has rows of, None where that is not known."""

    @property
    def settled(self) -> bool:
        """Whether it is known that each key is there once, and that no row is without one."""

    def holds(self, alias: str) -> sql.Composed:
        """Whether a row of the inbox is in the slice."""


@dataclass(frozen=True, kw_only=True)
class Publication:
    """One publish of one entity, or of one slice of it, within its transaction."""

    connection: Connection
    entity: Entity
    entities: Mapping[str, Entity]
    names: Names
    target: Target
    foreign_keys: ForeignKeys
    run: RunInfo
    load: int  # the number of this publish in sync_runs
    newest: str = "newest"  # the table that names every candidate: `staged` where none was refused before it got there
    tallies: Mapping[str, Tally] = field(default_factory=dict)  # of the candidates, by verdict, once they are staged
    part: Slice | None = None  # the only part of the inbox that is looked at; None for all of it

    def execute(
        self,
        template: LiteralString | sql.Composed,
        parameters: Mapping[str, Any] | None = None,
        /,
        **parts: sql.Composable,
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run a statement whose `{names}` are the sync's tables, `{target}`, `{inbox}`, `{rows}` and `parts`.

        Its parameters are `parameters` besides `%(entity)s`, `%(run_id)s` and `%(load)s`.
        """
        statement = template if isinstance(template, sql.Composed) else self.compose(template, **parts)
        given = {"entity": self.entity.name, "run_id": self.run.run_id, "load": self.load}
        return self.connection.execute(statement, {**given, **(parameters or {})})

    def compose(self, template: LiteralString, **parts: sql.Composable) -> sql.Composed:
        """The statement that `execute` runs."""
        own = {
            "target": sql.Identifier(self.entity.name),
            "inbox": self.names.inbox(self.entity.name),
            "rows": self.names.rows(self.entity.name),
        }
        known = self.names.parts()
        return sql.SQL(template).format(**{**known, "newest": known[self.newest], **own, **parts})

    def value(self, template: LiteralString, **parts: sql.Composable) -> Any:
        """The first column of the first row that a statement yields, None where it yields none."""
        row = self.execute(template, **parts).fetchone()
        return row[0] if row else None

    @property
    def written(self) -> Tally:
        """The tally of the candidates that are to be written, an empty one where there are none."""
        return self.tallies.get("write", Tally())

    @property
    def settled(self) -> bool:
        """Whether it is known that each key is there once, and that no row is without one, where this publish looks."""
        return self.part.settled if self.part else self.run.settled

    def holds(self, alias: str) -> sql.Composable:
        """Whether a row of the inbox is one that this publish looks at."""
        return self.part.holds(alias) if self.part else sql.SQL("true")

    def clear(self, stage: str) -> None:
        """Empty a table that lives for one publish only."""
        self.execute("TRUNCATE {stage}", stage=self.names.parts()[stage])

    def children(self, *, required: bool) -> Iterable[tuple[Entity, str, tuple[str, ...]]]:
        """The references of other entities to this one: the child, its column, and the query columns it is found by."""
        for child in self.entities.values():
            for reference in child.references:
                if reference.entity == self.entity.name and reference.required is required:
                    yield child, reference.column, reference.by


def columns_of(alias: str, names: Iterable[str]) -> sql.Composed:
    """`alias.name, alias.name, …`."""
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in names)


def equal(left: str, right: str, pairs: Iterable[tuple[str, str]]) -> sql.Composed:
    """`left.a = right.b AND …` for each pair of columns."""
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(left, a), sql.Identifier(right, b)) for a, b in pairs
    )


def same(left: str, right: str, names: Iterable[str]) -> sql.Composed:
    """`left.a = right.a AND …` for each column."""
    return equal(left, right, ((name, name) for name in names))


def key_text(alias: str, names: Iterable[str]) -> sql.Composed:
    """The key as text, its parts separated by KEY_SEPARATOR; NULL where a part is NULL."""
    parts = [sql.SQL("{}::text").format(sql.Identifier(alias, name)) for name in names]
    return sql.SQL("({})").format(sql.SQL(f" || '{KEY_SEPARATOR}' || ").join(parts))


def parent_rows(parent: Entity, names: Names) -> sql.Composed:
    """A subselect with the `id` and the key columns of every row of a parent entity that is there now."""
    if set(parent.key) <= set(parent.target_columns):
        return sql.SQL("(SELECT t.id, {} FROM {} t)").format(columns_of("t", parent.key), sql.Identifier(parent.name))
    return sql.SQL("(SELECT t.id, {} FROM {} t JOIN {} r ON r.id = t.id)").format(
        columns_of("r", parent.key), sql.Identifier(parent.name), names.rows(parent.name)
    )

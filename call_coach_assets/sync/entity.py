"""The declaration of one synced entity: what `defs/<entity>/defs.yaml` may say, and what follows from it.

A declaration is data. It names the source tables, the columns that the query yields, where each column goes, and how
rows are told apart; `query.sql` beside it says how a column is computed.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Dataset = Literal["gong", "salesforce"]


class ColumnType(StrEnum):
    """The type in which a column travels; `json`, `text_array` and `decimal` travel as text that the publish parses."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    JSON = "json"
    TEXT_ARRAY = "text_array"


class Placement(StrEnum):
    """Where a column of the query goes."""

    SYNCED = "synced"  # the target table, on insert and whenever it differs
    INITIAL = "initial"  # the target table, on insert only: the application owns it from then on
    BOOKKEEPING = "bookkeeping"  # the sync's own table beside the target: the target has no column for it
    TRANSIT = "transit"  # nowhere: it only finds a parent row


class _Declaration(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Declaration):
    """One column that the query yields."""

    name: Name
    type: ColumnType
    description: str
    placement: Placement = Placement.SYNCED
    required: bool = False  # a row without it is dead-lettered


class Reference(_Declaration):
    """A foreign key: `column` of the target is the id of the `entity` row whose key equals the columns `by`."""

    column: Name
    entity: Name
    by: tuple[Name, ...]  # columns of this query, in the order of the parent's key
    required: bool  # True: a row without its parent waits; False: it is published with NULL and linked later
    description: str


class SourceTable(_Declaration):
    """A BigQuery table that the query reads, as `dataset.table`, with the type that each column is expected to have."""

    dataset: Dataset
    table: str
    presence: Literal["required", "optional"] = "required"
    columns: dict[str, str]
    optional_columns: tuple[str, ...] = ()  # those that only some loads have: NULL without a word where they are absent

    @model_validator(mode="after")
    def _columns_resolve(self) -> Self:
        _known(f"tables.{self.name}.optional_columns", self.optional_columns, set(self.columns))
        return self

    @property
    def name(self) -> str:
        """The name by which `query.sql` reads it."""
        return f"{self.dataset}.{self.table}"


class RowCountDelta(_Declaration):
    """How far row counts of the two ends may be apart, as a share of the source's, before a check warns or fails."""

    warn: float = Field(default=0.001, ge=0)
    error: float = Field(default=0.01, ge=0)


class Freshness(_Declaration):
    """How old an asset may be, in minutes."""

    warn_minutes: int = Field(default=75, gt=0)
    fail_minutes: int = Field(default=120, gt=0)
    fivetran_warn_minutes: int = Field(default=240, gt=0)


class Entity(_Declaration):
    """One entity: a folder of declarations, a dlt resource, a Dagster asset and a Postgres table."""

    name: Name
    description: str
    group: str
    owners: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    enabled: bool = True
    base: str  # the source table, as dataset.table, of which each row becomes a row here
    base_alias: str  # its alias in the query: columns that the mapping does not know are read from it
    tables: tuple[SourceTable, ...]
    stand_in: str | None = None  # the source table that is read in the base's place where that is absent
    any_of: tuple[str, ...] = ()  # dataset.table or dataset.table.column: without any of them there is nothing to read
    columns: tuple[Column, ...]
    key: tuple[Name, ...]  # columns of the query that identify a row in the source
    match: tuple[Name, ...] = ()  # columns of the target that identify a row there; empty: bookkeeping does
    adopt: tuple[Name, ...] = ()  # columns by which a row that an older importer wrote is recognised, ignoring case
    scope: tuple[Name, ...] = ()  # a read is complete for these columns: rows of the scope that it lacks are gone
    references: tuple[Reference, ...] = ()
    depends_on: tuple[Name, ...] = ()
    touch: Name | None = None  # a column of the target that is set to now() when a synced one changes
    new_columns: Literal["columns", "metadata", "ignore"] = "columns"
    reconcile: Literal["daily", "weekly"] = "daily"
    row_count_delta: RowCountDelta = RowCountDelta()
    freshness: Freshness = Freshness()
    query: str = Field(default="", repr=False)  # the text of query.sql, filled in by the loader
    folder: Path = Path()

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        names = [column.name for column in self.columns]
        _unique("columns", names)
        _unique("tables", [table.name for table in self.tables])
        known = set(names)
        _known("key", self.key, known)
        _known("scope", self.scope, known)
        for reference in self.references:
            _known(f"references.{reference.column}.by", reference.by, known)
        targets = {*self.target_columns, *(reference.column for reference in self.references)}
        _known("match", self.match, targets)
        _known("adopt", self.adopt, targets)
        tables = {table.name for table in self.tables}
        _known("base", (self.base,), tables)
        _known("stand_in", (self.stand_in,) if self.stand_in else (), tables)
        _known("any_of", tuple(".".join(source.split(".")[:2]) for source in self.any_of), tables)
        return self

    @property
    def target_columns(self) -> tuple[str, ...]:
        """The columns of the query that the target table has."""
        return tuple(c.name for c in self.columns if c.placement in {Placement.SYNCED, Placement.INITIAL})

    @property
    def has_id(self) -> bool:
        """Whether the target's rows have an `id`; a pure link table is identified by its references."""
        return not self.match or set(self.match) != {reference.column for reference in self.references}

    @property
    def query_sha256(self) -> str:
        """The fingerprint of the query's text, for lineage."""
        return hashlib.sha256(self.query.encode()).hexdigest()

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError where there is none."""
        return {column.name: column for column in self.columns}[name]

    def table(self, name: str) -> SourceTable:
        """The source table `dataset.table`; KeyError where there is none."""
        return {table.name: table for table in self.tables}[name]

    @property
    def base_table(self) -> SourceTable:
        """The table of which each row becomes a row of this entity."""
        return self.table(self.base)


def _unique(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} declares {', '.join(twice)} twice")


def _known(what: str, names: tuple[str, ...], known: set[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        declared = ", ".join(sorted(known))
        raise ValueError(f"{what} names {', '.join(unknown)}, which is not declared (declared: {declared})")

"""Fitting an entity's query to the warehouse as it is: absent tables, missing columns, other spellings and types.

The query's text is edited by position. An absent table is read as an empty one, a missing column as NULL; a missing
column that decides which rows are read, or to what they belong, is an error instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from call_coach_assets.errors import SourceMissingError
from call_coach_assets.settings import Settings
from call_coach_assets.sync.catalog import LiveTable, table_path
from call_coach_assets.sync.coercion import as_declared, as_json_value
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.lineage import Lineage, SourceColumn
from call_coach_assets.sync.presence import Catalog, nothing_to_read, spelling, spellings, stand_in
from call_coach_assets.sync.query import ColumnRead, Query, Span, TableRead
from call_coach_assets.sync.query_check import checked_query
from call_coach_assets.sync.rewrite import by_keys, final_select, replaced
from call_coach_assets.sync.source_types import exact, inexact_key, misfit_text

_FIVETRANS_OWN = "_fivetran_"


@dataclass(frozen=True, kw_only=True)
class AdaptedQuery:
    """The query that runs, and how the warehouse differs from what is declared.

    `sql` takes `@cursor` (TIMESTAMP) and `@company_domains` (ARRAY<STRING>). Columns are named `dataset.table.column`.
    """

    entity: str
    sql: str = ""
    skipped_reason: str | None = None  # why there is nothing to read; `sql` is empty then
    base_path: str = ""  # the table of which each row becomes one, as project.dataset.table
    absent_tables: tuple[str, ...] = ()
    missing_columns: tuple[str, ...] = ()  # declared, not optional, and gone: read as NULL
    unfed_columns: tuple[str, ...] = ()  # declared columns of which every source is gone: the target keeps its own
    unknown_columns: Mapping[str, str] = field(default_factory=dict)  # of the base table, with their BigQuery types
    source_types: Mapping[str, str] = field(default_factory=dict)  # the live type of each declared column that is there

    def by_key(self, column: str) -> str:
        """The query that reads, whatever their stamps, the rows whose `column` is one of `@keys` (ARRAY<STRING>)."""
        return by_keys(self.sql, column)


def adapt(entity: Entity, catalog: Catalog, settings: Settings) -> AdaptedQuery:
    """Fit the entity's query to `catalog`.

    Raises SourceMissingError where a required table is absent, or a column that the query cannot do without is missing;
    ConfigurationError where the query does not fit its declaration.
    """
    if reason := nothing_to_read(entity, catalog, settings):
        return AdaptedQuery(entity=entity.name, skipped_reason=reason)
    return _Adaptation(entity, catalog, settings).adapted()


class _Adaptation:
    """One entity's query and one state of the warehouse."""

    def __init__(self, entity: Entity, catalog: Catalog, settings: Settings) -> None:
        self.entity = entity
        self.absent = tuple(sorted(name for name, live in catalog.items() if live is None))
        self.query: Query = checked_query(entity)
        self.stand_in = stand_in(entity, catalog)
        self.live = {**catalog, entity.base: catalog[self.stand_in.name]} if self.stand_in else dict(catalog)
        self.paths = {table.name: table_path(table, settings) for table in entity.tables}
        if self.stand_in:
            self.paths[entity.base] = self.paths[self.stand_in.name]
        self.spellings = {name: spellings(live) for name, live in self.live.items() if live is not None}
        self.missing = set(self._missing())
        self.lineage = Lineage(self.query)
        self.keys: frozenset[SourceColumn] = frozenset().union(*map(self.lineage.of_output, entity.key))
        self.identifying = self.keys | self.lineage.of_joins()

    def adapted(self) -> AdaptedQuery:
        self._refuse_absent_tables()
        self._refuse_missing_columns()
        unknown = self._unknown_columns()
        edits = [*map(self._table_edit, self.query.tables), *self._column_edits(), self._added_columns(unknown)]
        return AdaptedQuery(
            entity=self.entity.name,
            sql=replaced(self.query.text, edits),
            base_path=self.paths[self.entity.base],
            absent_tables=self.absent,
            missing_columns=tuple(sorted(f"{t}.{c}" for t, c in self.missing if not self._dispensable(t, c))),
            unfed_columns=tuple(c.name for c in self.entity.columns if self._unfed(self.lineage.of_output(c.name))),
            unknown_columns=unknown,
            source_types={f"{t}.{c}": self._live_type(t, c) for t, c in self._present()},
        )

    def _present(self) -> Iterator[SourceColumn]:
        for table in self.entity.tables:
            if table.name in self.spellings:
                yield from ((table.name, name) for name in table.columns if (table.name, name) not in self.missing)

    def _live_name(self, table: str, column: str) -> str:
        return self.spellings[table][spelling(column)]

    def _live_type(self, table: str, column: str) -> str:
        live = self.live[table]
        return live.columns[self._live_name(table, column)] if live else ""

    def _missing(self) -> Iterator[SourceColumn]:
        for table in self.entity.tables:
            known = self.spellings.get(table.name)
            if known is not None:
                yield from ((table.name, name) for name in table.columns if spelling(name) not in known)

    def _dispensable(self, table: str, column: str) -> bool:
        stands_in = self.stand_in is not None and table == self.entity.base
        return stands_in or column in self.entity.table(table).optional_columns

    def _unfed(self, sources: frozenset[SourceColumn]) -> bool:
        there = {source for source in sources if self.live[source[0]] is not None}
        return bool(there) and there <= self.missing

    def _refuse_absent_tables(self) -> None:
        for table in self.entity.tables:
            if table.presence == "required" and self.live[table.name] is None:
                raise SourceMissingError(
                    f"The table {self.paths[table.name]}, which {self.entity.name} is read from, is not there",
                    why="BigQuery knows no table of this name in that dataset",
                    remedy=f"check BIGQUERY_PROJECT, {table.dataset.upper()}_DATASET, and that Fivetran has landed it",
                )

    def _refuse_missing_columns(self) -> None:
        """NULL in the place of these would read no row, every row, or rows that belong to nothing."""
        deciding = {(r.table, r.name) for r in self.query.columns if r.conditional} | self.identifying
        needed = sorted((t, c) for t, c in self.missing & deciding if not self._dispensable(t, c))
        if needed:
            names = ", ".join(f"{self.paths[table]}.{column}" for table, column in needed)
            raise SourceMissingError(
                f"{self.entity.name} cannot be read without {names}",
                why="the query needs it in a WHERE, in a JOIN or in the key, and BigQuery knows no such column",
                remedy="have Fivetran sync it again, or change the query.sql of the entity",
            )

    def _table_edit(self, read: TableRead) -> tuple[Span, str]:
        if self.live[read.table] is not None:
            return read.span, _quoted(self.paths[read.table])
        nulls = ", ".join(f"CAST(NULL AS {t}) AS `{name}`" for name, t in self.entity.table(read.table).columns.items())
        return read.span, f"(SELECT {nulls} LIMIT 0)"

    def _column_edits(self) -> Iterator[tuple[Span, str]]:
        for read in self.query.columns:
            live = self.live[read.table]
            if live is not None:
                text = self._column_text(read, live)
                if text is not None:
                    yield read.span, f"{text} AS `{read.name}`" if read.alone else text

    def _column_text(self, read: ColumnRead, live: LiveTable) -> str | None:
        """What stands for a column in the query; None where it stays as it is written."""
        declared = self.entity.table(read.table).columns[read.name]
        if (read.table, read.name) in self.missing:
            return f"CAST(NULL AS {declared})"
        name = self._live_name(read.table, read.name)
        written = self.query.text[read.span.start : read.span.end]
        spelled = written if name.lower() == read.name.lower() else f"{read.alias}.`{name}`"
        kind = live.columns[name]
        if (read.table, read.name) in self.identifying and inexact_key(declared, kind) and not read.tested:
            whole = exact(spelled, kind)
            return whole if read.cast else f"CAST({whole} AS {declared})"
        text = as_declared(spelled, read, declared, kind)
        return None if text == written else text

    def _unknown_columns(self) -> dict[str, str]:
        """The columns of the base table that the declaration does not know, Fivetran's own excepted."""
        live = self.live[self.entity.base]
        if self.entity.new_columns == "ignore" or live is None:
            return {}
        known = {spelling(name) for name in self.entity.base_table.columns}
        unknown = {name: kind for name, kind in live.columns.items() if spelling(name) not in known}
        return {name: kind for name, kind in unknown.items() if not name.startswith(_FIVETRANS_OWN)}

    def _added_columns(self, unknown: Mapping[str, str]) -> tuple[Span, str]:
        """What the query yields besides: columns that it does not know, and raw texts of values that do not fit."""
        base, alias, added = self.entity.base, self.entity.base_alias, ""
        for name, kind in unknown.items():
            added += f",\n  {as_json_value(f'{alias}.`{name}`', kind)} AS `_extra__{name.lower()}`"
        for table, name in self._present():
            if table == base and not name.startswith(_FIVETRANS_OWN):
                column = f"{alias}.`{self._live_name(table, name)}`"
                declared, live = self.entity.base_table.columns[name], self._live_type(table, name)
                text = misfit_text(column, declared, live, key=(table, name) in self.identifying)
                added += f",\n  {text} AS `_misfit__{name}`" if text else ""
        end = final_select(self.query.text).list_end
        return Span(end, end), added


def _quoted(path: str) -> str:
    return ".".join(f"`{part}`" for part in path.split("."))

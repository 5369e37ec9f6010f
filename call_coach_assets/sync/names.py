"""What the sync calls its own tables: those that it keeps, and those that live for one publish."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

INBOX_PREFIX = "inbox_"
ROWS_SUFFIX = "_rows"

TABLES = (
    "sync_runs",
    "queries",
    "locks",
    "dead_letters",
    "tombstones",
    "severed",
    "refetch",
    "unlinked",
    "source_columns",
    "source_answers",
    "reconciliations",
)
STAGES = ("newest", "staged", "matched", "refused", "changed", "doomed", "parked", "aside", "troubled")


@dataclass(frozen=True)
class Names:
    """The sync's own schema, and the identifiers of what lies in it."""

    schema: str

    def inbox(self, entity: str) -> sql.Identifier:
        """The table into which dlt lands an entity's rows."""
        return sql.Identifier(self.schema, INBOX_PREFIX + entity)

    def rows(self, entity: str) -> sql.Identifier:
        """The table that says of each target row of an entity which publish wrote it."""
        return sql.Identifier(self.schema, entity + ROWS_SUFFIX)

    def table(self, name: str) -> sql.Identifier:
        """Another table of the sync's schema, one of TABLES or of dlt's."""
        return sql.Identifier(self.schema, name)

    def parts(self) -> dict[str, sql.Composable]:
        """Every table that does not depend on an entity, under its own name, for use in a statement's `{name}`."""
        kept = {name: self.table(name) for name in TABLES}
        return {**kept, **{name: sql.Identifier("pg_temp", f"publish_{name}") for name in STAGES}}

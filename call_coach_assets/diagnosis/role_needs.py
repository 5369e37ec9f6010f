"""What the sync's role needs beside the columns of the targets, and lacks: told with the GRANT that mends it.

The measure is docs/postgres-role.sql.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from psycopg.rows import args_row

from call_coach_assets.diagnosis.connection import column_of, role_name
from call_coach_assets.diagnosis.expectations import STATUS_TABLE
from call_coach_assets.diagnosis.finding import Finding, error
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.postgres import Connection

TARGET_GRANTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
STATUS_GRANTS = ("SELECT", "INSERT", "UPDATE")
HANGING_GRANTS = ("SELECT",)

_WRITTEN = """
SELECT t.name, format('%%I.%%I', n.nspname, c.relname)
FROM unnest(%(tables)s::text[]) AS t (name)
JOIN pg_class c ON c.oid = to_regclass(quote_ident(t.name)) JOIN pg_namespace n ON n.oid = c.relnamespace
"""
_HIDDEN = """
SELECT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = ANY (%(tables)s) AND NOT has_schema_privilege(n.oid, 'USAGE')
GROUP BY n.nspname HAVING count(*) = cardinality(%(tables)s) ORDER BY 1
"""
_TEMPORARY = "SELECT quote_ident(current_database()) WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')"
_HANGING = """
WITH written AS (SELECT to_regclass(quote_ident(name))::oid AS oid FROM unnest(%(tables)s::text[]) AS t (name))
SELECT format('%%I.%%I', n.nspname, r.relname), quote_ident(n.nspname), string_agg(DISTINCT parent.relname, ' and '),
       has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(r.oid, 'SELECT')
FROM pg_constraint c JOIN written w ON w.oid = c.confrelid JOIN pg_class parent ON parent.oid = c.confrelid
JOIN pg_class r ON r.oid = c.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE c.contype = 'f' AND c.conparentid = 0 AND NOT EXISTS (SELECT FROM written WHERE oid = r.oid)
GROUP BY n.oid, r.oid, n.nspname, r.relname ORDER BY 1
"""


@dataclass(frozen=True)
class Hanging:
    """A table of the application with a foreign key to `targets`; names are quoted, `table` is the full one."""

    table: str
    schema: str
    targets: str
    usable: bool  # the role may look into the schema
    readable: bool  # and into the table


def grants_on(table: str) -> tuple[str, ...]:
    """What the sync needs on one of the tables that it writes: a target, or `sync_status`."""
    return STATUS_GRANTS if table == STATUS_TABLE else TARGET_GRANTS


def needed_grants(connection: Connection, entities: Mapping[str, Entity]) -> dict[str, tuple[str, ...]]:
    """What the sync needs on each table of the application that it uses, by the table's full name."""
    written = connection.execute(_WRITTEN, {"tables": [*entities, STATUS_TABLE]}).fetchall()
    needed = {full: grants_on(name) for name, full in written}
    return {**needed, **dict.fromkeys((hanging.table for hanging in _hanging(connection, entities)), HANGING_GRANTS)}


def find_lacking(connection: Connection, entities: Mapping[str, Entity]) -> Iterator[Finding]:
    """What makes a sync fail, if only one that deletes: an error each. Grants on targets are looked at elsewhere."""
    role = role_name(connection)
    for schema in column_of(connection, _HIDDEN, {"tables": [*entities, STATUS_TABLE]}):
        yield error(
            f"schema {schema}",
            "this role lacks USAGE on it, and finds no table of the application",
            f"as its owner: GRANT USAGE ON SCHEMA {schema} TO {role}",
        )
    for database in column_of(connection, _TEMPORARY):
        what = "this role lacks TEMPORARY, and cannot sort rows out before they are published"
        yield error(f"database {database}", what, f"as its owner: GRANT TEMPORARY ON DATABASE {database} TO {role}")
    for hanging in _hanging(connection, entities):
        if not (hanging.usable and hanging.readable):
            yield _unreadable(hanging, role)


def _unreadable(hanging: Hanging, role: str) -> Finding:
    usage = "" if hanging.usable else f"GRANT USAGE ON SCHEMA {hanging.schema} TO {role}; "
    return error(
        f"table {hanging.table}",
        f"has a foreign key to {hanging.targets}, and this role lacks SELECT on it: no row of {hanging.targets} can be"
        " deleted",
        f"as its owner: {usage}GRANT SELECT ON {hanging.table} TO {role}",
    )


def _hanging(connection: Connection, entities: Mapping[str, Entity]) -> list[Hanging]:
    """What the application hangs on the targets, by its foreign keys."""
    with connection.cursor(row_factory=args_row(Hanging)) as cursor:
        return cursor.execute(_HANGING, {"tables": [*entities]}).fetchall()

"""What the sync's role may and the sync does not need: told with the statement that takes it away.

The measure is docs/postgres-role.sql. What a role has through another one is told as its membership.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib.resources import files

from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from call_coach_assets.diagnosis.connection import column_of, role_name
from call_coach_assets.diagnosis.finding import Finding, ok, warning
from call_coach_assets.diagnosis.role_needs import needed_grants
from call_coach_assets.local.postgres import CLUSTER_NAME
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.postgres import Connection

USE = "connect as the role that docs/postgres-role.sql makes"
OWNER = "<the application's role>"
Excess = tuple[str, str]  # what the role may, and what to do about it

_GRANTS = SQL((files("call_coach_assets.diagnosis") / "role_excess.sql").read_text(encoding="utf-8"))
_EMBEDDED = "SELECT current_setting('cluster_name') = %(cluster)s AND current_user = 'postgres'"
_POWERS = """
SELECT power FROM pg_roles, LATERAL (VALUES
    ('SUPERUSER', rolsuper), ('CREATEDB', rolcreatedb), ('CREATEROLE', rolcreaterole),
    ('REPLICATION', rolreplication), ('BYPASSRLS', rolbypassrls)
) AS has (power, held)
WHERE rolname = current_user AND held
"""
_MEMBERSHIPS = """
SELECT quote_ident(other.rolname) FROM pg_auth_members m
JOIN pg_roles other ON other.oid = m.roleid JOIN pg_roles me ON me.oid = m.member
WHERE me.rolname = current_user AND (
    pg_has_role(me.oid, other.oid, 'USAGE')
    OR pg_has_role(me.oid, other.oid, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER'
                                           ELSE 'SET' END)
)
GROUP BY other.rolname ORDER BY 1
"""
_OWNED_TABLES = """
SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE format('%%I.%%I', n.nspname, c.relname) = ANY (%(tables)s) AND pg_get_userbyid(c.relowner) = current_user
ORDER BY 1
"""
_OWNED_DATABASE = """
SELECT quote_ident(datname) FROM pg_database
WHERE datname = current_database() AND pg_get_userbyid(datdba) = current_user
"""
_CREATES_SCHEMAS = """
SELECT quote_ident(current_database())
WHERE to_regnamespace(quote_ident(%(schema)s)) IS NOT NULL AND has_database_privilege(current_database(), 'CREATE')
"""
_CREATES_TABLES = """
SELECT quote_ident(nspname) FROM pg_namespace
WHERE has_schema_privilege(oid, 'CREATE') AND nspname <> %(schema)s AND nspname !~ '^pg_' ORDER BY 1
"""


def find_excess(connection: Connection, entities: Mapping[str, Entity], schema: str) -> Iterator[Finding]:
    """A warning for each thing too much. `schema` is the sync's own.

    The embedded server has but one role, which may everything: that is as it should be.
    """
    role = role_name(connection)
    if column_of(connection, _EMBEDDED, {"cluster": CLUSTER_NAME}) == [True]:
        yield ok(f"role {role}", f"may everything on the embedded server; elsewhere {USE}")
        return
    found = [*_powers(connection, role)]
    if not any("SUPERUSER" in what for what, _ in found):
        found += [
            *_owned(connection, entities),
            *_creates(connection, schema, role),
            *_granted(connection, entities, schema, role),
        ]
    yield from (warning(f"role {role}", what, remedy) for what, remedy in found)
    if not found:
        yield ok(f"role {role}", "may what the sync needs, and no more")


def _powers(connection: Connection, role: str) -> Iterator[Excess]:
    powers = column_of(connection, _POWERS)
    if powers:
        taken = " ".join(f"NO{power}" for power in powers)
        yield f"has {', '.join(powers)}", f"{USE}, or: ALTER ROLE {role} {taken}"
    for other in column_of(connection, _MEMBERSHIPS):
        yield f"is a member of {other}, and may what that role may", f"REVOKE {other} FROM {role}"


def _owned(connection: Connection, entities: Mapping[str, Entity]) -> Iterator[Excess]:
    tables = column_of(connection, _OWNED_TABLES, {"tables": [*needed_grants(connection, entities)]})
    if tables:
        gift = "; ".join(f"ALTER TABLE {table} OWNER TO {OWNER}" for table in tables)
        yield f"owns {', '.join(tables)}, and may alter and drop them", f"{USE}, or: {gift}"
    for database in column_of(connection, _OWNED_DATABASE):
        yield f"owns the database {database}", f"{USE}, or: ALTER DATABASE {database} OWNER TO {OWNER}"


def _creates(connection: Connection, schema: str, role: str) -> Iterator[Excess]:
    for database in column_of(connection, _CREATES_SCHEMAS, {"schema": schema}):
        what = f"may create schemas in the database {database}, and has its own already"
        yield what, f"REVOKE CREATE ON DATABASE {database} FROM {role}, PUBLIC"
    for other in column_of(connection, _CREATES_TABLES, {"schema": schema}):
        yield f"may create tables in the schema {other}", f"REVOKE CREATE ON SCHEMA {other} FROM {role}, PUBLIC"


def _granted(connection: Connection, entities: Mapping[str, Entity], schema: str, role: str) -> Iterator[Excess]:
    needed = Jsonb(needed_grants(connection, entities))
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for everybody, table, privileges in connection.execute(_GRANTS, {"needed": needed, "schema": schema}):
        alike["PUBLIC" if everybody else role, ", ".join(privileges)].append(table)
    for (grantee, privileges), tables in alike.items():
        where = ", ".join(tables)
        yield f"has {privileges} on {where}", f"REVOKE {privileges} ON {where} FROM {grantee}"

"""The application's Postgres: can it be reached, are its tables as expected, may this role write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

from psycopg.rows import class_row
from psycopg.sql import SQL

from call_coach_assets.diagnosis.connection import connected, role_name
from call_coach_assets.diagnosis.expectations import Table, expected_tables
from call_coach_assets.diagnosis.finding import Finding, error, from_error, ok, skipped
from call_coach_assets.diagnosis.role_excess import find_excess
from call_coach_assets.diagnosis.role_needs import find_lacking, grants_on
from call_coach_assets.errors import CallCoachError
from call_coach_assets.settings import Settings
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.postgres import Connection

OLDEST = 15
_STATEMENT = SQL((files("call_coach_assets.diagnosis") / "target.sql").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class TargetTable:
    """One table as it stands: is it there, does the role own it, which grants does it have, its column types."""

    name: str
    present: bool
    owned: bool
    grants: list[str]
    columns: dict[str, str]

    @property
    def missing_grants(self) -> list[str]:
        """What the sync needs on the table, and this role does not have."""
        return [grant for grant in grants_on(self.name) if grant not in self.grants]


def look_at_target(settings: Settings, entities: Mapping[str, Entity]) -> Iterator[Finding]:
    """Every check of the application's Postgres, in the order in which they build on each other."""
    try:
        url = settings.database_url
    except CallCoachError as problem:
        yield from_error("DATABASE_URL", problem)
        yield skipped("Postgres", "DATABASE_URL is missing or wrong")
        return
    yield ok("DATABASE_URL", "is set")
    try:
        with connected(url) as connection:
            yield _version(connection)
            role = role_name(connection)
            for table in read_tables(connection, entities):
                yield _table_finding(table, expected_tables(entities.values())[table.name], entities, role)
            yield _own_schema(connection, settings.sync_schema, role)
            yield from find_lacking(connection, entities)
            yield from find_excess(connection, entities, settings.sync_schema)
    except CallCoachError as problem:
        yield from_error("Postgres", problem)


def read_tables(connection: Connection, entities: Mapping[str, Entity]) -> list[TargetTable]:
    """The target tables of `entities`, and `sync_status`, as this connection's role sees them."""
    with connection.cursor(row_factory=class_row(TargetTable)) as cursor:
        return cursor.execute(_STATEMENT, {"tables": [*expected_tables(entities.values())]}).fetchall()


def _lacking(table: TargetTable, wanted: Table) -> list[str]:
    if not table.present:
        return [f"there is no table {table.name}"]
    columns = [column for column in wanted if column not in table.columns]
    return [f"table {table.name} has no column {', '.join(columns)}"] if columns else []


def _table_finding(table: TargetTable, wanted: Table, entities: Mapping[str, Entity], role: str) -> Finding:
    name = f"table {table.name}"
    migrate = "apply the application's migrations, or point DATABASE_URL at the database that has them"
    lacking = _lacking(table, wanted)
    wrong = [
        f"{column} is {table.columns[column]}, not {' or '.join(sorted(types))}"
        for column, types in wanted.items()
        if column in table.columns and table.columns[column] not in types
    ]
    if lacking or wrong:
        return error(name, "; ".join([*lacking, *wrong]), migrate)
    if table.missing_grants:
        grants = ", ".join(table.missing_grants)
        return error(name, f"this role lacks {grants}", f"as its owner: GRANT {grants} ON {table.name} TO {role}")
    return ok(name, f"{len(wanted)} columns as expected, and every grant{_evolution(table, entities)}")


def _evolution(table: TargetTable, entities: Mapping[str, Entity]) -> str:
    """What becomes of new source columns where only the table's owner can add them."""
    entity = entities.get(table.name)
    if entity is None or entity.new_columns != "columns" or table.owned:
        return ""
    return "; it belongs to another role, which adds new source columns when `source_schema` prints how"


def _version(connection: Connection) -> Finding:
    major = connection.info.server_version // 10000
    where = f"PostgreSQL {major}, database {connection.info.dbname} as {connection.info.user}"
    if major < OLDEST:
        return error("Postgres", where, f"upgrade to PostgreSQL {OLDEST} or newer: MERGE came with {OLDEST}")
    return ok("Postgres", where)


def _own_schema(connection: Connection, schema: str, role: str) -> Finding:
    row = connection.execute(
        """SELECT CASE WHEN to_regnamespace(quote_ident(%(schema)s)) IS NULL
                       THEN has_database_privilege(current_database(), 'CREATE')
                       ELSE has_schema_privilege(%(schema)s, 'CREATE, USAGE') END""",
        {"schema": schema},
    ).fetchone()
    if row is not None and row[0]:
        return ok(f"schema {schema}", "can be created and written")
    return error(
        f"schema {schema}",
        "this role may neither create it nor create tables in it",
        f"as the database's owner: CREATE SCHEMA {schema} AUTHORIZATION {role}",
    )

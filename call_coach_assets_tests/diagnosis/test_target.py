from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from call_coach_assets.diagnosis.expectations import expected_tables
from call_coach_assets.diagnosis.finding import Finding, State
from call_coach_assets.diagnosis.target import look_at_target
from call_coach_assets.settings import Settings, read_settings
from call_coach_assets.sync.declarations import load_entities

ENTITIES = load_entities()


def settings_of(url: str | None) -> Settings:
    return read_settings(_env_file=None, DATABASE_URL=url)


def look(url: str | None) -> dict[str, Finding]:
    """The findings that are not ok, by name; of several of one name the first."""
    found = [finding for finding in look_at_target(settings_of(url), ENTITIES) if finding.state is not State.OK]
    return {finding.name: finding for finding in reversed(found)}


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture
def outsider(database: str) -> Iterator[str]:
    """The URL of a role that may connect and read, and nothing else."""
    role = sql.Identifier(name := f"outsider_{database.rpartition('_')[2]}")
    with psycopg.connect(database) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        connection.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(role))
    yield database.replace("postgres@", f"{name}@")
    with psycopg.connect(database) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.mark.covers("P1", "P31")
def test_the_deployed_schema_is_what_the_declarations_expect(database: str) -> None:
    findings = list(look_at_target(settings_of(database), ENTITIES))
    assert {finding.state for finding in findings} == {State.OK}
    assert {f"table {name}" for name in expected_tables(ENTITIES.values())} <= {finding.name for finding in findings}


def test_a_missing_table_and_a_missing_or_mistyped_column_are_each_named(database: str) -> None:
    change(
        database,
        "DROP TABLE emails",
        "ALTER TABLE calls DROP COLUMN prefect_reps",
        "ALTER TABLE speakers ALTER COLUMN talk_time_seconds TYPE text",
    )
    findings = look(database)
    assert {name for name, finding in findings.items() if finding.state is State.ERROR} == {
        "table emails", "table calls", "table speakers",
    }  # fmt: skip
    assert "there is no table emails" in findings["table emails"].what
    assert "no column prefect_reps" in findings["table calls"].what
    assert "talk_time_seconds is text, not bigint or integer or numeric" in findings["table speakers"].what
    assert "migrations" in findings["table emails"].remedy


@pytest.mark.covers("P2")
def test_each_grant_that_the_role_lacks_is_named(outsider: str) -> None:
    findings = look(outsider)
    assert findings["table calls"].state is State.ERROR
    assert "INSERT, UPDATE, DELETE" in findings["table calls"].what
    assert "GRANT INSERT, UPDATE, DELETE ON calls" in findings["table calls"].remedy
    assert findings["schema call_coach_sync"].state is State.ERROR
    assert "CREATE SCHEMA call_coach_sync AUTHORIZATION outsider" in findings["schema call_coach_sync"].remedy


def test_a_table_of_another_role_can_be_written_but_not_extended(database: str, outsider: str) -> None:
    role = outsider.partition("://")[2].partition("@")[0]
    change(database, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
    change(database, f"CREATE SCHEMA call_coach_sync AUTHORIZATION {role}")
    told = {finding.name: finding.what for finding in look_at_target(settings_of(outsider), ENTITIES)}
    extended = {f"table {name}" for name, entity in ENTITIES.items() if entity.new_columns == "columns"}
    assert {name for name, what in told.items() if "belongs to another role" in what} == extended
    assert "schema call_coach_sync" not in look(outsider)
    assert {finding.state for finding in look(outsider).values()} == {State.WARNING}, "only of what is too much"


@pytest.mark.covers("P3")
def test_a_missing_database_url_is_named_with_what_to_set() -> None:
    findings = look(None)
    assert findings["DATABASE_URL"].state is State.ERROR
    assert "postgresql://user:password@host" in findings["DATABASE_URL"].remedy
    assert findings["Postgres"].state is State.SKIPPED


@pytest.mark.covers("P2", "P26")
def test_an_unreachable_postgres_and_an_unknown_role_are_told_apart(database: str) -> None:
    away = look("postgresql://me:pass-word@127.0.0.1:1/app")["Postgres"]
    unknown = look(database.replace("postgres@", "nobody_known@"))["Postgres"]
    assert (away.state, unknown.state) == (State.ERROR, State.ERROR)
    assert "refused" in away.what
    assert "server of DATABASE_URL" in away.remedy
    assert "nobody_known" in unknown.what
    assert "user" in unknown.remedy
    assert "pass-word" not in f"{away}"

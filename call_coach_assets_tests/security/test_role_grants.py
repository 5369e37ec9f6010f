"""Each grant of docs/postgres-role.sql is needed, and what the role has beside them is told with its REVOKE."""

from __future__ import annotations

import re
from collections.abc import Iterator

from call_coach_assets.diagnosis.dagster_storage import find_dagster_storage
from call_coach_assets.diagnosis.finding import Finding, State
from call_coach_assets.diagnosis.target import look_at_target
from call_coach_assets.settings import read_settings
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets_tests.security.conftest import ROLE_FILE, Application

ENTITIES = load_entities(check_queries=False)
_GRANT = re.compile(r"^GRANT ([A-Z, ]+?)\s+ON (DATABASE |SCHEMA |)(.+?) TO call_coach_sync", re.MULTILINE | re.DOTALL)


def look(url: str) -> list[Finding]:
    """What doctor says of the application's database that is not ok."""
    found = look_at_target(read_settings(_env_file=None, DATABASE_URL=url), ENTITIES)
    return [finding for finding in found if finding.state is not State.OK]


def grants(database: str) -> Iterator[tuple[str, str]]:
    """Each privilege that the file grants, and on what."""
    for privileges, kind, objects in _GRANT.findall(ROLE_FILE.read_text().replace(':"DBNAME"', database)):
        for thing in objects.split(","):
            yield from ((privilege.strip(), kind + thing.strip()) for privilege in privileges.split(","))


def test_the_role_of_the_file_has_all_that_it_needs_and_nothing_more(application: Application) -> None:
    assert look(application.role) == []
    assert find_dagster_storage(read_settings(_env_file=None, DATABASE_URL=application.role)).state is State.OK


def test_without_any_one_of_its_grants_doctor_names_it(application: Application) -> None:
    database = application.role.rpartition("/")[2]
    found = list(grants(database))
    assert len(found) == 2 + 1 + 6 * 4 + 3 + 2
    for privilege, thing in found:
        application.run(f"REVOKE {privilege} ON {thing} FROM call_coach_sync")
        told = [finding for finding in look(application.role) if finding.state is State.ERROR]
        application.run(f"GRANT {privilege} ON {thing} TO call_coach_sync")
        assert any(privilege in finding.what for finding in told), (privilege, thing, told)
        named = thing.rpartition(" ")[2]
        assert any(named in f"{finding.name} {finding.what}" for finding in told), (privilege, thing, told)
        if privilege != "CONNECT":
            mended = re.compile(rf"GRANT {privilege} ON (public\.)?{thing} TO call_coach_sync".replace("TABLE ", ""))
            assert any(mended.search(finding.remedy.replace("public.", "")) for finding in told), (thing, told)
    assert look(application.role) == []


def test_without_its_schema_or_its_database_doctor_names_them(application: Application) -> None:
    application.run("DROP SCHEMA call_coach_sync", superuser=True)
    [schema] = look(application.role)
    assert schema.state is State.ERROR
    assert "CREATE SCHEMA call_coach_sync AUTHORIZATION call_coach_sync" in schema.remedy
    application.run("CREATE SCHEMA call_coach_sync AUTHORIZATION call_coach_sync", superuser=True)
    application.run("ALTER DATABASE dagster RENAME TO elsewhere", superuser=True)
    storage = find_dagster_storage(read_settings(_env_file=None, DATABASE_URL=application.role))
    assert (storage.name, storage.state) == ("Dagster storage", State.ERROR)
    assert "CREATE DATABASE dagster" in storage.remedy
    application.run("ALTER DATABASE elsewhere RENAME TO dagster", superuser=True)


EXCESS = {
    "ALTER ROLE call_coach_sync SUPERUSER": "has SUPERUSER",
    "ALTER ROLE call_coach_sync CREATEDB CREATEROLE": "has CREATEDB, CREATEROLE",
    "CREATE ROLE auditor ROLE call_coach_sync": "is a member of auditor",
    "GRANT pg_write_all_data TO call_coach_sync": "is a member of pg_write_all_data",
    "GRANT TRUNCATE, TRIGGER, REFERENCES ON calls, emails TO call_coach_sync": "has REFERENCES, TRIGGER, TRUNCATE on"
    " public.calls, public.emails",
    "GRANT INSERT, DELETE ON coaching_sessions TO call_coach_sync": "has DELETE, INSERT on public.coaching_sessions",
    "GRANT DELETE ON sync_status TO call_coach_sync": "has DELETE on public.sync_status",
    "GRANT SELECT ON accounts TO call_coach_sync": "has SELECT on public.accounts",
    "GRANT UPDATE ON accounts TO PUBLIC": "has UPDATE on public.accounts",
    "GRANT CREATE ON DATABASE {database} TO call_coach_sync": "may create schemas in the database",
    "GRANT CREATE ON SCHEMA public TO PUBLIC": "may create tables in the schema public",
}


def test_each_thing_too_much_is_a_warning_with_the_statement_that_takes_it_away(application: Application) -> None:
    application.run("CREATE TABLE accounts (id int)", "GRANT SELECT ON accounts TO PUBLIC")
    assert look(application.role) == [], "what everybody may read is not the role's own"
    for statement, says in EXCESS.items():
        application.run(statement.format(database=application.role.rpartition("/")[2]), superuser=True)
        told = look(application.role)
        assert [finding.state for finding in told] == [State.WARNING], (statement, told)
        assert says in told[0].what
        remedy = told[0].remedy.partition("or: ")[2] or told[0].remedy
        application.run(remedy, superuser=True)
        assert look(application.role) == [], remedy
    application.run("DROP TABLE accounts")
    application.run("DROP ROLE auditor", superuser=True)


def test_the_owner_of_the_application_is_told_to_use_a_role_of_its_own(application: Application) -> None:
    told = [finding for finding in look(application.owner) if finding.name == "role application_owner"]
    said = " ".join(finding.what for finding in told)
    assert {finding.state for finding in told} == {State.WARNING}
    assert "owns public.call_opportunities, public.calls" in said
    assert "has CREATEDB, CREATEROLE" in said
    assert all("docs/postgres-role.sql" in finding.remedy for finding in told[:2])


def test_the_embedded_servers_own_role_is_as_it_should_be(application: Application) -> None:
    settings = read_settings(_env_file=None, DATABASE_URL=application.superuser)
    told = [finding for finding in look_at_target(settings, ENTITIES) if finding.name == "role postgres"]
    assert [finding.state for finding in told] == [State.OK]
    assert "embedded server" in told[0].what

"""Dagster's own storage: can the runs be recorded."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit, urlunsplit

from call_coach_assets.diagnosis.connection import connected
from call_coach_assets.diagnosis.finding import Finding, error, from_error, ok, skipped, warning
from call_coach_assets.errors import CallCoachError, TargetMissingError
from call_coach_assets.settings import Settings

NAME = "Dagster storage"


def find_dagster_storage(settings: Settings) -> Finding:
    """Connect to the database where Dagster keeps runs; a database that is missing but can be created is a warning."""
    try:
        url = _plain(settings.dagster_storage_url)
    except CallCoachError:
        return skipped(NAME, "neither DAGSTER_POSTGRES_URL nor DATABASE_URL says where it is")
    name = unquote(urlsplit(url).path.lstrip("/"))
    try:
        with connected(url) as connection:
            connection.execute("CREATE TEMPORARY TABLE probe_of_call_coach ()")
            connection.rollback()
        return ok(NAME, f"database {name} can be reached and written")
    except TargetMissingError:
        return _missing(settings, name)
    except CallCoachError as problem:
        return from_error(NAME, problem)


def _missing(settings: Settings, name: str) -> Finding:
    create = f"CREATE DATABASE {name} OWNER <this role>, or set DAGSTER_POSTGRES_URL to a database that exists"
    try:
        with connected(settings.database_url) as connection:
            row = connection.execute(
                "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except CallCoachError as problem:
        return from_error(NAME, problem)
    if row is not None and row[0]:
        return warning(NAME, f"database {name} is not there yet", "nothing: the first run creates it")
    return error(NAME, f"database {name} is not there, and this role may not create it", create)


def _plain(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql"))

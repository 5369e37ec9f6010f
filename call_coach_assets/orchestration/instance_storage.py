"""Where Dagster keeps its runs: Postgres wherever one is configured, SQLite where none is.

`dagster.yaml` names this class, so that every Dagster command, the webserver and the daemon find the same history
without a URL in a file. With nothing configured (a first look, CI) history goes to `$DAGSTER_HOME`, or to `.dagster/`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

import psycopg
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from psycopg import sql

from call_coach_assets.errors import ConfigurationError, TargetAccessError, TargetUnavailableError
from call_coach_assets.redaction import redact, secrets_in_url
from call_coach_assets.settings import Settings, load_settings

if TYPE_CHECKING:
    from dagster._core.storage.event_log import EventLogStorage
    from dagster._core.storage.runs import RunStorage
    from dagster._core.storage.schedules import ScheduleStorage

CONNECT_SECONDS = 10
# Dagster opens a connection for each statement, some 700 a run, except in its webserver: here it keeps one everywhere.
STATEMENT_MS, RECYCLE_SECONDS, OVERFLOW = 60_000, 60, 20
_HOME = "DAGSTER_HOME"
_HOME_UNLESS_SET = ".dagster"


class InstanceStorage(DagsterStorage, ConfigurableClass):
    """The storage that `dagster.yaml` names: it delegates to Postgres or SQLite, as the environment says."""

    def __init__(self, chosen: DagsterStorage, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._chosen = chosen
        self._inst_data = inst_data

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """What `dagster.yaml` says of this storage: its name only, no URL and no secret."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """No configuration: the environment has it."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> InstanceStorage:
        """Open the storage that the environment asks for; errors of errors.py name what is wrong with it."""
        return cls(_open(load_settings(), inst_data), inst_data, **config_value)

    @property
    def event_log_storage(self) -> EventLogStorage:
        """The events of all runs."""
        return self._chosen.event_log_storage

    @property
    def run_storage(self) -> RunStorage:
        """The runs."""
        return self._chosen.run_storage

    @property
    def schedule_storage(self) -> ScheduleStorage:
        """The ticks of schedules and sensors."""
        return self._chosen.schedule_storage


def _open(settings: Settings, inst_data: ConfigurableClassData | None) -> DagsterStorage:
    if not storage_is_configured(settings):
        return DagsterSqliteStorage(str(Path(os.environ.get(_HOME) or _HOME_UNLESS_SET).absolute()), inst_data)
    from dagster_postgres.storage import DagsterPostgresStorage

    storage = DagsterPostgresStorage(postgres_url=storage_url(settings), inst_data=inst_data)
    for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
        part.optimize_for_webserver(STATEMENT_MS, RECYCLE_SECONDS, OVERFLOW)
    return storage


def storage_is_configured(settings: Settings) -> bool:
    """Whether the environment names a Postgres in which Dagster can keep its runs."""
    return any((settings.dagster_postgres_url, settings.database_url_direct, settings.database_url_pooled))


def storage_url(settings: Settings) -> str:
    """The SQLAlchemy URL of Dagster's database, which is created where it is missing and the role may create one.

    Raises TargetAccessError or TargetUnavailableError, within CONNECT_SECONDS, where it cannot be used.
    """
    url = settings.dagster_storage_url
    try:
        psycopg.connect(url, connect_timeout=CONNECT_SECONDS).close()
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error) or "database" not in str(error):
            raise _unusable(url, error) from None
        _create_database(settings, url)
    except psycopg.ProgrammingError as error:
        raise ConfigurationError(
            "DAGSTER_POSTGRES_URL is no Postgres URL",
            why=redact(str(error), secrets_in_url(url)),
            remedy="write postgresql://user:password@host/db, with special characters of the password percent-encoded",
        ) from None
    return sqlalchemy_url(url)


def sqlalchemy_url(url: str) -> str:
    """A libpq URL as SQLAlchemy reads it: with its driver named, and a unix socket's folder as a parameter."""
    parts = urlsplit(url)._replace(scheme="postgresql+psycopg2")
    user, at, place = parts.netloc.rpartition("@")
    folder, _, port = place.partition(":")
    if not unquote(folder).startswith("/"):
        return urlunsplit(parts)
    where = urlencode({"host": unquote(folder), **({"port": port} if port else {})}, safe="/")
    return urlunsplit(parts._replace(netloc=user + at, query="&".join(filter(None, [parts.query, where]))))


def _create_database(settings: Settings, url: str) -> None:
    name = urlsplit(url).path.lstrip("/")
    own = settings.dagster_postgres_url is not None
    maintenance = urlunsplit(urlsplit(url)._replace(path="/postgres")) if own else settings.database_url
    try:
        with psycopg.connect(maintenance, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.errors.DuplicateDatabase:
        return
    except psycopg.Error as error:
        raise _unusable(url, error) from None


def _unusable(url: str, error: psycopg.Error) -> TargetAccessError | TargetUnavailableError:
    parts = urlsplit(url)
    name = f'database "{parts.path.lstrip("/")}" on {parts.hostname}'
    refused = isinstance(error, psycopg.errors.InsufficientPrivilege) or "authentication failed" in str(error)
    kind = TargetAccessError if refused else TargetUnavailableError
    return kind(
        f"Dagster's own storage, {name}, cannot be used",
        why=redact(str(error).strip(), secrets_in_url(url)),
        remedy="create that database and let the role of DATABASE_URL use it,"
        " or set DAGSTER_POSTGRES_URL to a Postgres that this machine may use",
    )

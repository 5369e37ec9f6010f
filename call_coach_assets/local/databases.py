"""Databases on an embedded server: made, copied from a template, dropped."""

from __future__ import annotations

import psycopg
from psycopg import sql


def create_database(url: str, name: str, *, template: str | None = None) -> str:
    """Create database `name` where it is not there yet, as a copy of `template` where one is given; return its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            copy = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
            connection.execute(sql.SQL("CREATE DATABASE {}{}").format(sql.Identifier(name), copy))
    return database_url(url, name)


def drop_database(url: str, name: str) -> None:
    """Drop database `name`, cutting its connections; do nothing where it is not there."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def database_url(url: str, name: str) -> str:
    """The URL of another database on the server of `url`."""
    return f"{url.rpartition('/')[0]}/{name}"

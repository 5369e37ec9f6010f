"""Secrets that can be recognised wherever they turn up, and every place in which something might have left one."""

from __future__ import annotations

import json
import logging
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from psycopg import sql

from call_coach_assets_tests.recorder import Recorder

MARK = "hush"
NAMES = ("database", "dagster", "slack", "pagerduty", "prefect", "gateway")


def secret(name: str) -> str:
    """The secret of a setting, with characters that encodings spell in several ways."""
    return f"{MARK}-{name}'s \"{name}/{MARK}%7"


def with_password(url: str, name: str) -> str:
    """A URL with a marked password, percent-encoded as it must be."""
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(secret(name), safe='')}@{place}"))


def key_file(path: Path, token_uri: str) -> list[str]:
    """Write a service account's key file; return the lines of its private key, any of which would be a leak."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": "p",
        "client_email": "sync@p.iam.gserviceaccount.com",
        "token_uri": token_uri,
        "private_key": key.decode(),
    }
    path.write_text(json.dumps(account))
    return [line for line in key.decode().splitlines() if "-----" not in line]


class Log(logging.Handler):
    """Everything that any library logs at the levels that are set."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line, with its traceback."""
        self.lines.append(self.format(record))


@dataclass
class Places:
    """Where to look: what commands printed, what was logged, folders, databases, and what others were sent."""

    printed: dict[str, str] = field(default_factory=dict)
    log: Log = field(default_factory=Log)
    folders: list[Path] = field(default_factory=list)
    databases: dict[str, str] = field(default_factory=dict)
    receivers: dict[str, Recorder] = field(default_factory=dict)
    key_lines: list[str] = field(default_factory=list)

    def leaks(self) -> dict[str, str]:
        """Each place that holds a secret that is none of its business, with what is around it."""
        found = {place: _around(text, self.key_lines) for place, text in self._texts()}
        return {place: around for place, around in found.items() if around}

    def _texts(self) -> Iterator[tuple[str, str]]:
        for name, text in self.printed.items():
            yield f"printed by {name}", text
        yield "log", "\n".join(self.log.lines)
        for folder in self.folders:
            for path in folder.rglob("*"):
                if path.is_file():
                    yield f"file {path.relative_to(folder)}", path.read_bytes().decode(errors="replace")
        for name, url in self.databases.items():
            yield from ((f"{name} {table}", text) for table, text in _contents(url))
        for name, recorder in self.receivers.items():
            yield f"sent to {name}", _foreign(name, recorder)


def _around(text: str, key_lines: list[str]) -> str:
    wanted = [re.escape(MARK), *map(re.escape, key_lines)]
    hit = re.search("|".join(wanted), text, re.IGNORECASE)
    return text[max(0, hit.start() - 150) : hit.end() + 100] if hit else ""


def _contents(url: str) -> Iterator[tuple[str, str]]:
    """Every row of every table of a database, as text."""
    statement = (
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    with psycopg.connect(url) as connection:
        for name in connection.execute(statement).fetchall():
            rows = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*name))).fetchall()
            yield ".".join(name), "\n".join(_text(value) for row in rows for value in row)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        with suppress(zlib.error):
            value = zlib.decompress(value)
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return json.dumps(value, default=str, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _foreign(receiver: str, recorder: Recorder) -> str:
    """What a receiver was sent, its own secret left out."""
    sent = [json.dumps([one.path, one.body, one.headers], default=str, ensure_ascii=False) for one in recorder.requests]
    own = secret(receiver) if receiver in NAMES else ""
    text = "\n".join(sent)
    for spelling in {own, json.dumps(own)[1:-1], quote(own, safe=""), quote(own)} - {""}:
        text = text.replace(spelling, "").replace(unquote(spelling), "")
    return text

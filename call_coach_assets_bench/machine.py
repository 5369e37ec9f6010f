"""On what the figures were measured: processor, memory, system and the versions that matter."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psycopg

_PACKAGES = ("dagster", "dlt", "psycopg", "pyarrow", "adbc-driver-postgresql", "duckdb", "bqemulator")


def describe(database_url: str) -> str:
    """One line of Markdown; the Postgres server says itself which it is."""
    with psycopg.connect(database_url) as connection:
        number = connection.info.server_version
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{os.cpu_count()} cores of {_processor()}, {memory:.0f} GB, {platform.system()} {platform.machine()};"
        f" Python {platform.python_version()}, PostgreSQL {number // 10000}.{number % 10000}, {packages}."
    )


def _processor() -> str:
    models = [line for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")]
    return models[0].partition(":")[2].strip() if models else platform.processor() or "an unnamed processor"


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []

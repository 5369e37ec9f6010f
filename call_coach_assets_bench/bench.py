"""One run of the benchmark: its ends, how many rows and rounds, and how contestants are started."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from call_coach_assets_bench.contest import Contestant, Costs, compete
from call_coach_assets_bench.ends import Ends
from call_coach_assets_bench.launch import Job, JobFailedError, Launch
from call_coach_assets_bench.measure import Task

TABLE = "transcripts"


@dataclass(frozen=True)
class Bench:
    """`rows` replaces the sizes of every figure; `full` adds the sizes that take long."""

    ends: Ends
    launch: Launch
    rounds: int
    rows: tuple[int, ...] = ()
    full: bool = False

    def sizes(self, usual: Sequence[int], full: Sequence[int] = ()) -> tuple[int, ...]:
        """The numbers of transcript rows that a figure is measured with."""
        return self.rows or (*usual, *(full if self.full else ()))

    def compete(self, contestants: Sequence[Contestant]) -> Costs:
        """Let the contestants take turns, for all rounds."""
        return compete(contestants, self.rounds, self.ends.measure)

    def plain(self, name: str, job: Job, **parameters: object) -> Contestant:
        """A contestant whose job needs no database of its own."""
        return Contestant(name, lambda: self.launch(job, **parameters))

    def loading(
        self, name: str, job: Job, template: str, rows: int, table: str = TABLE, **parameters: object
    ) -> Contestant:
        """A contestant who fills `table` of a copy of a template. Raises JobFailedError where rows are missing."""

        @contextmanager
        def prepare() -> Iterator[Task]:
            with self.ends.database(template) as url:
                with self.launch(job, url=url, **parameters) as task:
                    yield task
                _require(url, table, rows, name)

        return Contestant(name, prepare)

    @property
    def emulator(self) -> str:
        """Where the BigQuery emulator answers."""
        return self.ends.emulator.rest


def _require(url: str, table: str, rows: int, name: str) -> None:
    with psycopg.connect(url) as connection:
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    if found != (rows,):
        raise JobFailedError(f"{name}: {found and found[0]} rows of {rows} are in {table}")

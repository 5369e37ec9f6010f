"""Random histories for as long as one likes: python -m call_coach_assets_tests.model.soak --minutes 30."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from call_coach_assets.local.databases import create_database
from call_coach_assets.local.emulator import start_emulator, stop_emulator
from call_coach_assets.local.postgres import start_postgres, stop_postgres
from call_coach_assets.sync.postgres import close_pools
from call_coach_assets_tests.conftest import APP_SCHEMA
from call_coach_assets_tests.model.both_ends import BothEnds
from call_coach_assets_tests.model.history import tally
from call_coach_assets_tests.model.world_machine import WorldMachine

_AT_ONCE = 5  # histories of one seed; the first that hypothesis tries is always the plainest
_PHASES = {True: [Phase.generate, Phase.shrink], False: [Phase.generate]}


def main() -> int:
    """Run histories until the time is up; 1 where one of them failed."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, _both_ends(Path(folder)) as ends:
        machine = type("Histories", (WorldMachine,), {"ends": ends})
        number = asked.seed
        ends_at = time.monotonic() + 60 * asked.minutes
        while time.monotonic() < ends_at:
            _run(machine, number, asked)
            number += 1
            print(f"seed {number - 1}: {', '.join(f'{count} {what}' for what, count in tally.items())}", flush=True)
    return 1 if tally["failures"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long")
    parser.add_argument("--steps", type=int, default=25, help="of a history, at most")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first histories; the next count on")
    parser.add_argument("--no-shrink", action="store_true", help="show a failing history as it is, not its least form")
    return parser.parse_args()


def _run(machine: type[WorldMachine], number: int, asked: argparse.Namespace) -> None:
    """A few histories; where one fails, its least failing form."""
    bounded = settings(
        max_examples=_AT_ONCE, stateful_step_count=asked.steps, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), phases=_PHASES[not asked.no_shrink],
    )  # fmt: skip
    try:
        machine._hypothesis_internal_use_seed = number  # type: ignore[attr-defined]
        seed(number)(machine)
        run_state_machine_as_test(machine, settings=bounded)
    except Exception:
        tally["failures"] += 1
        print(f"seed {number} fails:", traceback.format_exc(limit=-3), sep="\n", flush=True)


@contextmanager
def _both_ends(folder: Path) -> Iterator[BothEnds]:
    try:
        server = start_postgres(folder / "postgres", durable=False)
        database = create_database(server, "soak")
        with psycopg.connect(database) as connection:
            connection.execute(APP_SCHEMA.read_text().encode())
        ends = BothEnds(start_emulator(folder / "emulator", memory=True, tied=True).rest, database)
        yield ends
        ends.close()
    finally:
        close_pools()
        stop_emulator(folder / "emulator")
        stop_postgres(folder / "postgres")


if __name__ == "__main__":
    sys.exit(main())

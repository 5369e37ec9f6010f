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
from call_coach_assets_tests.model.history import faults, tally
from call_coach_assets_tests.model.world_machine import WorldMachine

_AT_ONCE = 5  # histories of one seed
_PHASES = {True: [Phase.generate, Phase.shrink], False: [Phase.generate]}


def main() -> int:
    """Run histories until the time is up, and say what became of them; 1 where one of them failed."""
    asked = _arguments()
    failed: list[int] = []
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, _both_ends(Path(folder)) as ends:
        machine = type("Histories", (WorldMachine,), {"ends": ends})
        started = time.monotonic()
        number = asked.seed
        while time.monotonic() - started < 60 * asked.minutes:
            if not _run(machine, number, asked):
                failed.append(number)
            number += 1
            print(f"seed {number - 1}, minute {(time.monotonic() - started) / 60:.1f}: {_figures(failed)}", flush=True)
    print(_faults())
    for seed_that_fails in failed:
        print(f"once more: make soak SOAK_ARGS='--seed {seed_that_fails} --once --steps {asked.steps}'")
    return 1 if failed else 0


def _figures(failed: list[int]) -> str:
    counts = {name: tally[name] for name in ("histories", "steps", "quiet runs", "reconciles")}
    counts |= {"faults injected": sum(faults.values()), "failures": len(failed)}
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def _faults() -> str:
    lines = [f"{count:8} {kind}" for kind, count in sorted(faults.items(), key=lambda fault: -fault[1]) if count]
    return "\n".join(["faults injected:", *lines])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long")
    parser.add_argument("--steps", type=int, default=25, help="of a history, at most")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first histories; the next count on")
    parser.add_argument("--once", action="store_true", help="nothing but the histories of that one seed")
    parser.add_argument("--shrink", action="store_true", help="look for the least form of a failing history, for long")
    asked = parser.parse_args()
    asked.minutes = 0.001 if asked.once else asked.minutes
    return asked


def _run(machine: type[WorldMachine], number: int, asked: argparse.Namespace) -> bool:
    """The histories of one seed, until one fails, which is printed step by step; whether none did."""
    bounded = settings(
        max_examples=_AT_ONCE, stateful_step_count=asked.steps, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), phases=_PHASES[asked.shrink],
    )  # fmt: skip
    try:
        machine._hypothesis_internal_use_seed = number  # type: ignore[attr-defined]
        seed(number)(machine)
        run_state_machine_as_test(machine, settings=bounded)
    except Exception:
        print(f"seed {number} fails:", traceback.format_exc(limit=-3), sep="\n", flush=True)
        return False
    return True


@contextmanager
def _both_ends(folder: Path) -> Iterator[BothEnds]:
    try:
        server = start_postgres(folder / "postgres", durable=False)
        with psycopg.connect(create_database(server, "application")) as connection:
            connection.execute(APP_SCHEMA.read_text().encode())
        ends = BothEnds(start_emulator(folder / "emulator", memory=True, tied=True).rest, server)
        yield ends
        ends.forget()
    finally:
        close_pools()
        stop_emulator(folder / "emulator")
        stop_postgres(folder / "postgres")


if __name__ == "__main__":
    sys.exit(main())

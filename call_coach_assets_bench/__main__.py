"""The command line: `python -m call_coach_assets_bench [FIGURE]... --rows N --rounds N --full`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from call_coach_assets_bench.bench import Bench
from call_coach_assets_bench.document import write_sections
from call_coach_assets_bench.ends import open_ends
from call_coach_assets_bench.figures import batches, end_to_end, load, memory, peers, startup, tick
from call_coach_assets_bench.launch import in_child, in_this_process
from call_coach_assets_bench.machine import describe
from call_coach_assets_bench.section import Section

FIGURES: Mapping[str, Callable[[Bench], Section]] = {
    "load": load.measure,
    "end-to-end": end_to_end.measure,
    "peers": peers.measure,
    "tick": tick.measure,
    "start-up": startup.measure,
    "memory": memory.measure,
    "batches": batches.measure,
}


@click.command(help=f"Measure figures, all of them where none is named: {', '.join(FIGURES)}.")
@click.argument("names", nargs=-1, type=click.Choice(list(FIGURES)), metavar="[FIGURE]...")
@click.option(
    "--rows", multiple=True, type=click.IntRange(100), help="Rows of transcripts, in place of the usual sizes."
)
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1), help="How often each contestant runs.")
@click.option("--full", is_flag=True, help="Also the sizes that take long, up to two million rows.")
@click.option("--here", is_flag=True, help="Run the jobs in this process, to profile them.")
@click.option("--write/--no-write", default=True, help="Whether the tables of docs/performance.md are replaced.")
def main(*, names: tuple[str, ...], rows: tuple[int, ...], rounds: int, full: bool, here: bool, write: bool) -> None:
    """Start both ends, measure, print each figure when it is there, and write them down."""
    began = time.perf_counter()
    launch = in_this_process if here else in_child
    with tempfile.TemporaryDirectory(prefix="call-coach-bench-") as folder, open_ends(Path(folder)) as ends:
        machine = describe(ends.postgres_url)
        click.echo(machine)
        bench = Bench(ends, launch, rounds, rows, full)
        for name in names or FIGURES:
            section = FIGURES[name](bench)
            click.echo(f"\n{section.markdown()}\n\n{time.perf_counter() - began:.0f} s so far")
            if write:
                write_sections([section], machine, FIGURES)


if __name__ == "__main__":
    main()

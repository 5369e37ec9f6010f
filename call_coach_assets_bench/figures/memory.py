"""The most memory that a first sync holds at once: it must stay flat."""

from __future__ import annotations

from dataclasses import replace

from call_coach_assets_bench.bench import Bench
from call_coach_assets_bench.contest import Costs, Ratio, middle, ratio
from call_coach_assets_bench.jobs import project
from call_coach_assets_bench.launch import in_child
from call_coach_assets_bench.material import parents
from call_coach_assets_bench.section import AIM_COLUMNS, Section, Table, aim, figure

_TEXT = "The peak of the process that syncs `transcripts` for the first time, everything that it imports included."


def measure(bench: Bench) -> Section:
    """20,000 and 100,000 rows; 500,000 and 2,000,000 in full; always in processes of their own."""
    bench = replace(bench, launch=in_child)
    sizes = bench.sizes([20_000, 100_000], [500_000, 2_000_000])
    costs: Costs = bench.compete(
        [
            bench.loading(
                f"{rows:,}", project.sync, parents(bench.ends, rows), rows,
                emulator=bench.emulator, project=bench.ends.transcripts(rows),
            )
            for rows in sizes
        ]
    )  # fmt: skip
    peaks = {name: [cost.facts["peak_mb"] for cost in own] for name, own in costs.items()}
    lines = [[name, figure(middle(own)), figure(max(own))] for name, own in peaks.items()]
    flat = 100_000 if 100_000 in sizes and max(sizes) > 100_000 else min(sizes)
    aims = [aim(f"peak at {max(sizes):,} over {flat:,}", ratio(peaks[f"{max(sizes):,}"], peaks[f"{flat:,}"]), 1.1, 1.3)]
    aims += [aim(f"peak at {name}, MB", _megabytes(own), 300, 450) for name, own in peaks.items()]
    tables = [Table(("rows", "peak MB", "highest"), lines), Table(AIM_COLUMNS, aims)]
    return Section("memory", "the peak of a first sync", _TEXT, tables)


def _megabytes(own: list[float]) -> Ratio:
    return ratio(own, [1.0] * len(own))

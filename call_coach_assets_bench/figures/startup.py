"""Starting: what it costs to load the definitions, and to find that nothing has changed, by each command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from call_coach_assets.local.databases import create_database
from call_coach_assets_bench.bench import Bench
from call_coach_assets_bench.contest import Contestant, Costs, cpus, middle, ratio, walls
from call_coach_assets_bench.ends import DATASETS, Ends
from call_coach_assets_bench.launch import command
from call_coach_assets_bench.measure import Cost, Task
from call_coach_assets_bench.section import AIM_COLUMNS, Section, Table, aim, figure

BARE, LOADED, READY = "import dagster", "the code location", "call-coach sync, until its run can begin"
_LOAD = "from call_coach_assets.definitions import defs; defs().get_repository_def().load_all_definitions()"
GET_READY = (
    "from call_coach_assets.cli import sync_command, sync_progress, sync_summary;"
    " from call_coach_assets.diagnosis import preflight; from call_coach_assets.orchestration.run import _job;"
    " _job().get_definition()"
)
_UNCHANGED = {
    "dagster asset materialize": ("dagster", "asset", "materialize", "-m", "call_coach_assets.definitions"),
    "call-coach sync": ("call-coach", "sync"),
}
_TEXT = "Whole processes. The commands sync all six entities of the sample, in which nothing has changed since."
_SELECTION = "calls,speakers,transcripts,opportunities,call_opportunities,emails"


def measure(bench: Bench) -> Section:
    """Not of any size: the sample of 200 calls."""
    folder = bench.ends.folder
    loading = bench.compete(
        [
            _process(BARE, ("python", "-c", "import dagster"), folder, {}),
            _process(LOADED, ("python", "-c", _LOAD), folder, {}),
            _process(READY, ("python", "-c", GET_READY), folder, {}),
        ]
    )
    unchanged = unchanged_syncs(bench)
    lines = [_line(name, costs[name]) for costs in (loading, unchanged) for name in costs]
    aims = [aim("CPU over `import dagster`", ratio(cpus(loading[LOADED]), cpus(loading[BARE])), 1.5, 2.5)]
    aims.append(aim("CPU seconds until a run can begin", ratio(cpus(loading[READY]), [1.0] * bench.rounds), 3, 3))
    aims += [
        aim(f"`{name}`, wall seconds", ratio(walls(costs), [1.0] * len(costs)), 5, 8)
        for name, costs in unchanged.items()
    ]
    tables = [Table(("process", "wall s", "CPU s", "Postgres CPU s"), lines), Table(AIM_COLUMNS, aims)]
    return Section("start-up", "starting, and finding nothing", _TEXT, tables)


def unchanged_syncs(bench: Bench) -> Costs:
    """Each command over a sample that is synced already."""
    folder = bench.ends.folder

    def fill(url: str) -> None:
        with command(_UNCHANGED["call-coach sync"], folder, **variables_of(bench.ends, url)) as first:
            first.run()

    variables = variables_of(bench.ends, bench.ends.url(bench.ends.template("unchanged", fill)))
    arguments = {
        name: (*line, "--select", _SELECTION) if "asset" in line else line for name, line in _UNCHANGED.items()
    }
    return bench.compete([_process(name, line, folder, variables) for name, line in arguments.items()])


def variables_of(ends: Ends, url: str, **others: str) -> dict[str, str]:
    """The environment that points a command at a database and at the sample, with a Dagster home in `ends.folder`."""
    home = ends.folder / "dagster"
    home.mkdir(exist_ok=True)
    configuration = Path(__file__).parents[2] / "dagster.yaml"
    (home / "dagster.yaml").write_bytes(configuration.read_bytes())
    return {
        "DATABASE_URL": url,
        "DAGSTER_POSTGRES_URL": create_database(ends.postgres_url, "dagster"),
        "DAGSTER_HOME": str(home),
        "BIGQUERY_EMULATOR_HOST": ends.emulator.rest,
        "BIGQUERY_PROJECT": ends.sample(),
        "SYNC_SKIP_UNCHANGED": "true",  # as against BigQuery
        "GONG_DATASET": DATASETS["gong"],
        "SALESFORCE_DATASET": DATASETS["salesforce"],
        **others,
    }


def _process(name: str, arguments: Sequence[str], folder: Path, variables: dict[str, str]) -> Contestant:
    @contextmanager
    def prepare() -> Iterator[Task]:
        with command(arguments, folder, **variables) as task:
            yield task

    return Contestant(name, prepare)


def _line(name: str, costs: Sequence[Cost]) -> list[str]:
    server = middle([cost.server for cost in costs])
    return [name, *(figure(each) for each in (middle(walls(costs)), middle([c.client for c in costs]), server))]

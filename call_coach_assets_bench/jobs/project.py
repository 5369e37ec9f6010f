"""The project itself, and the reading that no way of loading can do without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib import import_module

import pyarrow as pa

from call_coach_assets.checks.target_measure import measure_target
from call_coach_assets.settings import Settings, read_settings
from call_coach_assets.sync import bigquery
from call_coach_assets.sync.adapt import adapt
from call_coach_assets.sync.ahead import Ahead, land_all, part_rows
from call_coach_assets.sync.bigquery import Parameter, client_for, run_query
from call_coach_assets.sync.bookkeeping import ensure
from call_coach_assets.sync.catalog import read_catalog
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.extract import FROM_THE_BEGINNING, rechunk
from call_coach_assets.sync.inbox import prepare_inbox
from call_coach_assets.sync.land import Reading, open_pipeline, source_for
from call_coach_assets.sync.postgres import pool_for, transaction
from call_coach_assets.sync.publish import RunInfo, publish
from call_coach_assets.sync.session import sync_entity
from call_coach_assets_bench.ends import DATASETS
from call_coach_assets_bench.launch import Work
from call_coach_assets_bench.measure import Facts

ENTITY = "transcripts"
BATCH_ROWS = 1000
PUBLISH_ROWS = 100_000
EMULATOR_SECONDS = 900.0  # BigQuery takes a query and works on it; the emulator answers when it is done with it
_IMPORTED_ON_USE = (
    "adbc_driver_postgresql.dbapi",
    "dlt.destinations.impl.postgres.postgres",
    "dlt.extract.incremental",
    "google.cloud.bigquery",
    "pyarrow.parquet",
)


def settings_of(url: str, emulator: str = "", project: str = "", **overrides: object) -> Settings:
    """Settings that point at a database and at a project of the emulator."""
    ends = {
        "DATABASE_URL": url,
        "database_url_direct": None,
        "bigquery_emulator_host": emulator,
        "bigquery_project": project,
        "gong_dataset": DATASETS["gong"],
        "salesforce_dataset": DATASETS["salesforce"],
        "sync_retry_seconds": 0,
    }
    return read_settings(_env_file=None, **{**ends, **overrides})


@contextmanager
def load(url: str, file: str, publish_rows: int = PUBLISH_ROWS) -> Iterator[Work]:
    """Land and publish conformed batches that are in memory; `file` is an Arrow file of them."""
    with pa.OSFile(file) as opened:
        rows = pa.ipc.open_file(opened).read_all()
    batches = rows.to_batches(max_chunksize=BATCH_ROWS)
    settings, entities = settings_of(url, sync_publish_rows=publish_rows), load_entities()
    import_all()
    yield lambda: load_batches(settings, entities, entities[ENTITY], batches)


def import_all() -> None:
    """Import what the sync imports on first use: starting up is a figure of its own."""
    for module in _IMPORTED_ON_USE:
        import_module(module)


def load_batches(
    settings: Settings, entities: Mapping[str, Entity], entity: Entity, batches: list[pa.RecordBatch]
) -> Facts:
    """What a sync does after the extraction."""
    database, run = pool_for(settings), RunInfo(run_id="bench")
    ensure(database, entities, settings.sync_schema)
    with open_pipeline(entity, settings) as pipeline:
        reading = Reading(lambda _: iter(batches), key=entity.key)
        prepare_inbox(database, entity, settings, pipeline, source_for(entity, settings, reading))
        reading.part_rows = part_rows(database, entity, entities, settings)

        def land() -> None:
            pipeline.run(source_for(entity, settings, reading))

        ahead = land_all(pipeline, reading, land, Ahead(database, entity, entities, settings, run))
        loads = tuple(pipeline.list_completed_load_packages())
    done = publish(
        database, entity, entities, settings, replace(run, load_ids=loads, settled=reading.settled), ahead=ahead
    )
    return {"written": done.inserted + done.updated, "publish": done.publish_seconds}


@contextmanager
def sync(url: str, emulator: str, project: str, batch: int = BATCH_ROWS, skip: bool = True) -> Iterator[Work]:
    """Sync from the emulator, as every run does it; without `skip`, unchanged tables are read too."""
    given = {"sync_batch_size": batch, "sync_skip_unchanged": skip}
    settings, entities = settings_of(url, emulator, project, **given), load_entities()
    import_all()
    bigquery._HTTP_SECONDS = EMULATOR_SECONDS

    def work() -> Facts:
        result = sync_entity(entities[ENTITY], entities, settings, "bench")
        return {
            "read": result.read,
            "written": result.rows_synced,
            "extract": result.extract_seconds,
            "land": result.land_seconds,
            "publish": result.publish_seconds,
        }

    yield work


@contextmanager
def check(url: str) -> Iterator[Work]:
    """Measure the target, as the checks do after each sync."""
    settings, entities = settings_of(url), load_entities(check_queries=False)

    def work() -> Facts:
        with transaction(pool_for(settings), "checking") as connection:
            measure_target(connection, entities[ENTITY], entities, settings.sync_schema)
        return {"read": 0, "written": 0, "extract": 0}

    yield work


@contextmanager
def read(emulator: str, project: str) -> Iterator[Work]:
    """Run the query of a first sync and discard its rows."""
    settings, declared = settings_of("", emulator, project), load_entities()[ENTITY]
    import_all()
    with closing(client_for(settings)) as client:
        query = adapt(declared, read_catalog(client, declared, settings), settings).sql
        parameters: dict[str, Parameter] = {"cursor": FROM_THE_BEGINNING, "company_domains": settings.domains}

        def work() -> Facts:
            answer = run_query(client, query, parameters, settings, what="Reading for the benchmark")
            return {"read": sum(batch.num_rows for batch in rechunk(answer.batches, BATCH_ROWS))}

        yield work

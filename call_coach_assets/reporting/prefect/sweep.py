"""Reads what happened in Dagster since the last look, whoever started the runs, and spools what Prefect is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster import DagsterRunStatus, EventLogEntry
from dagster._core.storage.dagster_run import RunRecord, RunsFilter

from call_coach_assets.redaction import redact
from call_coach_assets.reporting.prefect import jsonl
from call_coach_assets.reporting.prefect.facts import RunFacts, facts_of
from call_coach_assets.reporting.prefect.followed import FollowedRuns, is_gone
from call_coach_assets.reporting.prefect.objects import Emission, moment
from call_coach_assets.reporting.prefect.spool import Spool
from call_coach_assets.reporting.prefect.states import CRASHED, RUN_STATUSES
from call_coach_assets.reporting.prefect.translation import RunTranslation, translate
from call_coach_assets.settings import Settings

PROCESS_TAG = "call_coach/process"  # host:pid, as the executor notes it on a run
LOOKED_BACK = timedelta(hours=24)  # where nothing was ever told from this machine
OVERLAP = timedelta(minutes=1)  # clocks of the machines that write run statuses differ
RUNS_AT_ONCE = 100
_WATERMARK = "watermark"


@dataclass
class _Reading:
    facts: RunFacts
    translation: RunTranslation
    cursor: str | None = None


class Sweep:
    """Follows the runs of `instance`; what was seen is noted in the spool, so any process can take the next look."""

    def __init__(self, instance: dg.DagsterInstance, settings: Settings, spool: Spool, folder: Path) -> None:
        self._instance = instance
        self._settings = settings
        self._spool = spool
        self._folder = folder
        self._followed = FollowedRuns(spool)
        self._readings: dict[str, _Reading] = {}

    def look(self) -> int:
        """Spool what is new of every run that is not finished; returns how many objects that is."""
        self._find()
        ids = self._followed.unfinished()
        records = self._instance.get_run_records(RunsFilter(run_ids=ids)) if ids else []
        there = {record.dagster_run.run_id: record for record in records}
        for run_id in set(ids) - set(there):
            self._followed.end(run_id)
        return sum(self._tell(there[run_id]) for run_id in ids if run_id in there)

    def _find(self) -> None:
        text = self._spool.fact(_WATERMARK)
        since = datetime.fromisoformat(text) - OVERLAP if text else datetime.now(UTC) - LOOKED_BACK
        changed = self._instance.get_run_records(
            RunsFilter(updated_after=since), limit=RUNS_AT_ONCE, order_by="update_timestamp", ascending=True
        )
        for record in changed:
            self._followed.follow(record.dagster_run.run_id)
        if changed:
            newest = max(record.update_timestamp.astimezone(UTC) for record in changed).isoformat()
            if newest != text:
                self._spool.remember(_WATERMARK, newest)

    def _tell(self, record: RunRecord) -> int:
        run_id = record.dagster_run.run_id
        reading = self._readings.get(run_id)
        emissions: list[Emission] = []
        partly = reading is not None and reading.cursor is not None
        if reading is None:
            facts = facts_of(self._instance, record, self._settings)
            reading = self._readings[run_id] = _Reading(facts, RunTranslation(facts))
            emissions.extend(reading.translation.opening())
        for storage_id, entry in self._log(run_id, reading):
            emissions.extend(reading.translation.feed(storage_id, entry))
        emissions.extend(_last_word(record, reading.translation))
        ended = reading.translation.ended
        if ended and partly:  # entries of concurrent writers can become visible late: all is read once more
            whole = translate(reading.facts, self._log(run_id, replace(reading, cursor=None)))
            emissions = [*whole, *emissions]
        told = self._spool_all(emissions)
        if ended:
            self._followed.end(run_id)
            del self._readings[run_id]
        return told

    def _log(self, run_id: str, reading: _Reading) -> Iterator[tuple[int, EventLogEntry]]:
        more = True
        while more:
            page = self._instance.get_records_for_run(run_id, cursor=reading.cursor)
            reading.cursor, more = page.cursor, page.has_more
            yield from ((record.storage_id, record.event_log_entry) for record in page.records)

    def _spool_all(self, emissions: list[Emission]) -> int:
        if not emissions:
            return 0
        clean = [_without(emission, self._settings.secrets) for emission in emissions]
        deliver = self._settings.prefect_api_url is not None
        new = self._spool.add(clean, deliver=deliver, record=lambda told: jsonl.append(self._folder, told))
        return len(new)


def told_so_far(instance: dg.DagsterInstance, record: RunRecord, settings: Settings) -> list[Emission]:
    """All that Prefect is told of one run as it stands, without secrets; nothing is spooled."""
    facts = facts_of(instance, record, settings)
    log: list[tuple[int, EventLogEntry]] = []
    cursor, more = None, True
    while more:
        page = instance.get_records_for_run(facts.run_id, cursor=cursor)
        cursor, more = page.cursor, page.has_more
        log += [(record.storage_id, record.event_log_entry) for record in page.records]
    return [_without(emission, settings.secrets) for emission in translate(facts, log)]


def _last_word(record: RunRecord, translation: RunTranslation) -> Iterator[Emission]:
    """What is told of a run that is over although its log does not say so, or whose process on this machine is gone."""
    run, now = record.dagster_run, datetime.now(UTC)
    process = run.tags.get(PROCESS_TAG, "")
    if RUN_STATUSES[run.status].final:
        at = moment(record.end_time) if record.end_time else now
        yield from translation.end(RUN_STATUSES[run.status], at, "The run's log does not say how it ended.")
    elif run.status == DagsterRunStatus.STARTED and is_gone(process):
        yield from translation.end(CRASHED, now, f"Process {process} ended without finishing the run.")


def _without(emission: Emission, secrets: tuple[str, ...]) -> Emission:
    text = json.dumps(emission.body, ensure_ascii=False, default=str)
    clean = redact(text, secrets)
    return emission if clean == text else replace(emission, body=json.loads(clean))

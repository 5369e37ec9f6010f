"""One comparison of an entity's two ends under its lock, with the repair of what can be repaired at once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from call_coach_assets.settings import Settings
from call_coach_assets.sync.adapt import AdaptedQuery, adapt
from call_coach_assets.sync.bigquery import Answer, Parameter, client_for, run_query
from call_coach_assets.sync.bookkeeping import ensure
from call_coach_assets.sync.catalog import read_catalog
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.extract import FROM_THE_BEGINNING
from call_coach_assets.sync.findings import Findings, find
from call_coach_assets.sync.forgotten import forget, forget_lineage
from call_coach_assets.sync.locks import entity_lock
from call_coach_assets.sync.postgres import pool_for, transaction
from call_coach_assets.sync.repair import Repair, refusal_of, repair
from call_coach_assets.sync.source_scan import ASIDE, bucket_query, row_query
from call_coach_assets.sync.target_scan import Buckets, TargetScan, looking, scan

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

logger = logging.getLogger(__name__)


@dataclass
class Round:
    """What a comparison found, what it deleted, and what it cost. `rows` are the target's, before."""

    rows: int = 0
    findings: Findings = field(default_factory=Findings)
    deleted: int = 0
    kept: int = 0
    refusal: str | None = None
    skipped: str | None = None
    scans: int = 0
    bytes_billed: int = 0


def compare(
    entity: Entity, entities: Mapping[str, Entity], settings: Settings, run_id: str, *, dry_run: bool, final: bool
) -> Round:
    """Compare both ends; unless the run is dry, delete what is too much and ask for what is to be read again.

    `final` says that nothing is read again after it: rows of unknown key, which a sync might still recognise, go too.
    Raises the CallCoachError family.
    """
    if not dry_run:
        ensure(pool_for(settings), entities, settings.sync_schema)
    with entity_lock(settings, entity.name, run_id, note=not dry_run), closing(client_for(settings)) as client:
        query = adapt(entity, read_catalog(client, entity, settings), settings)
        if query.skipped_reason:
            return Round(skipped=query.skipped_reason)
        return _Comparison(entity, entities, settings, run_id, client, query).round(dry_run=dry_run, final=final)


@dataclass
class _Comparison:
    """The two ends of one comparison."""

    entity: Entity
    entities: Mapping[str, Entity]
    settings: Settings
    run_id: str
    client: Client
    query: AdaptedQuery
    done: Round = field(default_factory=Round)

    def round(self, *, dry_run: bool, final: bool) -> Round:
        with transaction(pool_for(self.settings), f"comparing {self.entity.name}") as connection:
            work = looking(connection, self.entity, self.entities, self.settings, self.run_id)
            if not dry_run:
                forget_lineage(work)
            target = scan(work, self.query)
        self.done.rows = target.rows
        differing = _differing(self._source_buckets(target), target.buckets)
        logger.info(
            "%s: %d of %d buckets differ", self.entity.name, len(differing), max(16**target.digits, len(differing))
        )
        if differing:
            self._compare_rows(target, [name for name in differing if name], dry_run, final)
        return self.done

    def _source_buckets(self, target: TargetScan) -> Buckets:
        text = bucket_query(self.entity, self.query, target.columns, target.digits)
        answer = self._ask(text, {"aside": target.aside, **target.gone})
        rows = [row for batch in answer.batches for row in batch.to_pylist()]
        return {row["bucket"]: (row["counted"], row["checksum"]) for row in rows}

    def _compare_rows(self, target: TargetScan, names: Sequence[str], dry_run: bool, final: bool) -> None:
        text = row_query(self.entity, self.query, target.columns, target.digits)
        buckets = list(dict.fromkeys(target.bucket_of(name) for name in names))
        answer = self._ask(text, {"buckets": buckets})
        with transaction(pool_for(self.settings), f"reconciling {self.entity.name}") as connection:
            work = looking(connection, self.entity, self.entities, self.settings, self.run_id)
            found = find(work, target, buckets, answer)
            self.done.findings, self.done.refusal = found, refusal_of(found, target.rows)
            if not dry_run:
                if not self.done.refusal:
                    forget(work, [name.removeprefix(ASIDE) for name in names if name.startswith(ASIDE)])
                repaired: Repair = repair(work, found, self.settings, final=final)
                self.done.deleted, self.done.kept = repaired.deleted, repaired.kept

    def _ask(self, text: str, parameters: Mapping[str, Sequence[str]]) -> Answer:
        always: dict[str, Parameter] = {"cursor": FROM_THE_BEGINNING, "company_domains": self.settings.domains}
        labels = {"application": "call-coach", "entity": self.entity.name, "run_id": self.run_id, "part": "reconcile"}
        what = f"Comparing {self.entity.name} with BigQuery"
        answer = run_query(self.client, text, {**always, **parameters}, self.settings, what=what, labels=labels)
        self.done.scans += 1
        self.done.bytes_billed += answer.bytes_billed
        return answer


def _differing(source: Buckets, target: Buckets) -> list[str | None]:
    """The buckets of which the two ends do not hold the same rows; None stands for rows of unknown key."""
    return [bucket for bucket in {**source, **target} if source.get(bucket) != target.get(bucket)]

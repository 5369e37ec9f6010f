"""Comparing an entity's table with its source, and repairing exactly what differs.

    sync, dead letters too ─▶ checksums of all buckets at both ends ─▶ the rows of those that differ ─▶ delete what is
    too much, read again what is missing or different ─▶ compare once more

Both ends hash and add up for themselves: where they agree, one scan of the compared columns is all that it costs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from call_coach_assets.settings import Settings
from call_coach_assets.sync.bookkeeping import ensure
from call_coach_assets.sync.comparison import Round, compare
from call_coach_assets.sync.dead_letters import retry_all
from call_coach_assets.sync.entity import Entity
from call_coach_assets.sync.postgres import pool_for, transaction
from call_coach_assets.sync.reconciliations import ReconcileStatus, Reconciliation, record
from call_coach_assets.sync.repair import MOST_KEYS_READ_AGAIN
from call_coach_assets.sync.result import SyncResult
from call_coach_assets.sync.retry import attempts
from call_coach_assets.sync.session import sync_entity

__all__ = ["reconcile"]

logger = logging.getLogger(__name__)


def reconcile(
    entity: Entity, entities: Mapping[str, Entity], settings: Settings, run_id: str, *, dry_run: bool = False
) -> Reconciliation:
    """Sync `entity`, compare both ends and repair what differs; `entities` are all that there are.

    A dry run neither syncs nor repairs, and writes nothing at all. The result tells what was found and what is left;
    that too much would have been deleted is in it too, and raised by nothing here. Raises the CallCoachError family
    where an end cannot be read or written, EntityLockedError where a sync of the entity is running.
    """
    return _Reconcile(entity, entities, settings, run_id, dry_run).run()


class _Reconcile:
    """One reconcile under way, with the figures that add up."""

    def __init__(
        self, entity: Entity, entities: Mapping[str, Entity], settings: Settings, run_id: str, dry_run: bool
    ) -> None:
        self.entity, self.entities, self.settings, self.run_id = entity, entities, settings, run_id
        self.dry_run = dry_run
        self.started, self.started_at = time.monotonic(), datetime.now(UTC)
        self.synced: list[SyncResult] = []
        self.rounds: list[Round] = []

    def run(self) -> Reconciliation:
        skipped = None if self.dry_run else self._sync_with_letters().skipped
        if skipped is None:
            first = self._compare(final=self.dry_run)
            skipped = first.skipped
            if not self.dry_run and first.findings.wrong:
                self._sync(full_refresh=len(first.findings.to_read) > MOST_KEYS_READ_AGAIN)
                self._compare(final=True)
        result = self._result(skipped)
        if not self.dry_run and not skipped:
            with transaction(pool_for(self.settings), f"recording the reconcile of {self.entity.name}") as connection:
                record(connection, result, self.started_at, self.settings.sync_schema)
        _log(result)
        return result

    def _sync_with_letters(self) -> SyncResult:
        """Sync, and read what is dead-lettered again: its keys are left out of the comparison."""
        database, schema = pool_for(self.settings), self.settings.sync_schema
        ensure(database, self.entities, schema)
        with transaction(database, f"looking for dead letters of {self.entity.name}") as connection:
            retry_all(connection, schema, self.entity, most=MOST_KEYS_READ_AGAIN)
        return self._sync()

    def _sync(self, *, full_refresh: bool = False) -> SyncResult:
        result = sync_entity(self.entity, self.entities, self.settings, self.run_id, full_refresh=full_refresh)
        self.synced.append(result)
        return result

    def _compare(self, *, final: bool) -> Round:
        for attempt in attempts(self.settings, self.entity.name):
            with attempt:
                done = compare(
                    self.entity, self.entities, self.settings, self.run_id, dry_run=self.dry_run, final=final
                )
        self.rounds.append(done)
        return done

    def _result(self, skipped: str | None) -> Reconciliation:
        common = {"entity": self.entity.name, "run_id": self.run_id, "dry_run": self.dry_run}
        seconds = time.monotonic() - self.started
        if skipped:
            return Reconciliation(**common, skipped=skipped, seconds=seconds)  # type: ignore[arg-type]
        first, last = self.rounds[0], self.rounds[-1]
        before = [done for done in self.rounds if done is not last]
        return Reconciliation(
            **common,  # type: ignore[arg-type]
            rows=first.rows,
            missing=first.findings.missing,
            extra=last.findings.unwanted + sum(done.deleted + done.kept for done in before),
            different=first.findings.different,
            different_rows=first.findings.different_rows,
            repaired=max(first.findings.wrong - last.findings.wrong, 0),
            deleted=sum(done.deleted for done in self.rounds),
            kept=sum(done.kept for done in self.rounds),
            remaining=last.findings.wrong + last.findings.unwanted - last.deleted - last.kept,
            under_way=last.findings.under_way,
            refusal=last.refusal,
            examples=first.findings.examples,
            scans=sum(done.scans for done in self.rounds),
            bytes_billed=sum(done.bytes_billed for done in self.rounds) + sum(s.bytes_billed for s in self.synced),
            seconds=seconds,
        )


def _log(result: Reconciliation) -> None:
    if result.skipped:
        logger.warning("%s: not reconciled: %s", result.entity, result.skipped)
        return
    sound = result.dry_run or result.status in {ReconcileStatus.EQUAL, ReconcileStatus.REPAIRED}
    logger.log(
        logging.INFO if sound else logging.ERROR,
        "%s: reconcile: %s: %d rows, missing %d, extra %d, different %s, repaired %d, deleted %d, kept %d,"
        " remaining %d, %d scans, %d bytes billed, in %.1f s%s",
        result.entity, result.status, result.rows, result.missing, result.extra, dict(result.different) or 0,
        result.repaired, result.deleted, result.kept, result.remaining, result.scans, result.bytes_billed,
        result.seconds, f"; {result.refusal}" if result.refusal else "",
    )  # fmt: skip

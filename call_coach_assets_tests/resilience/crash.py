"""Killing a sync at a chosen message between it and one of its ends."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field

from call_coach_assets.settings import Settings
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.faults import FaultProxy
from call_coach_assets_tests.resilience.conftest import Ends
from call_coach_assets_tests.resilience.victim import Victim, wait_for_quiet

_WORDS = re.compile(
    rb"(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|COPY|LOCK|ANALYZE|BEGIN|COMMIT|SAVEPOINT|RELEASE|DISCARD)[ -~]*"
)
_NUMBER_OF_A_JOB = re.compile(r"(?<=/queries/)[0-9a-f-]+")
_LONGEST = 60


@dataclass
class Crash:
    """How a victim ended, how many messages Postgres got, and what the last one said."""

    end: str
    when: bytes
    number: int  # which message that contains `when` kills, counted from 1; 0: none
    messages: int = 0
    outcome: str = ""
    statement: str = ""
    _seen: int = 0
    _victim: Victim | None = None
    _started: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def passes(self, end: str, sent: bytes) -> None:
        """Note a message; kill the victim if it is the one."""
        with self._lock:
            self.messages += end == "postgres"
            if end != self.end or self.when not in sent:
                return
            self._seen += 1
            if self._seen == self.number:
                self.statement = _shown(sent)
                self._started.wait()
                if self._victim is not None:
                    self._victim.kill()

    def start(self, settings: Settings, entity: str) -> None:
        """Start the victim and wait for its end."""
        self._victim = Victim(settings, entity)
        self._started.set()
        self.outcome = self._victim.wait()


class _Watch(FaultProxy):
    """A proxy that tells a crash what passes."""

    told: Crash
    end: str

    def fault_for(self, sent: bytes) -> None:
        """Look at a message on its way."""
        self.told.passes(self.end, sent)


def crash(
    ends: Ends, settings: Settings, entity: str, *, end: str = "postgres", when: bytes = b"", number: int = 0
) -> Crash:
    """Sync an entity, and kill the sync when message `number` that contains `when` passes; 0: let it finish."""
    told = Crash(end, when, number)
    database = settings.database_url
    with _Watch.before_emulator(ends.warehouse.url) as source, _Watch.before_postgres(database) as target:
        source.told = target.told = told
        source.end, target.end = "bigquery", "postgres"
        overlap = settings.sync_overlap_minutes
        through = settings_for(
            target.postgres_url(database),
            ends.warehouse,
            bigquery_emulator_host=source.url,
            sync_overlap_minutes=overlap,
        )
        told.start(through, entity)
    wait_for_quiet(database)
    return told


def _shown(sent: bytes) -> str:
    found = _WORDS.search(sent)
    text = (found[0] if found else sent.split(b"?")[0]).decode("ascii", "replace")
    readable = _NUMBER_OF_A_JOB.sub("…", text)[:_LONGEST].strip()
    return readable if readable.isprintable() else "connecting"

"""Tells Prefect of runs while they happen, in a thread of its own and within a bounded time.

`RunEmitter` surrounds whatever runs or watches runs: a sync started from a terminal, one look of the sensor. Nothing
that Prefect, the network or the disk does reaches the sync: what cannot be delivered waits on disk and is told later,
in order.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import dagster as dg

from call_coach_assets.redaction import redact
from call_coach_assets.reporting.prefect.api import PrefectApi, PrefectUnavailableError
from call_coach_assets.reporting.prefect.delivery import Delivery
from call_coach_assets.reporting.prefect.spool import Backlog, Spool
from call_coach_assets.reporting.prefect.sweep import Sweep
from call_coach_assets.settings import Settings

POLL_SECONDS = 2.0  # a look costs the sync 0.2 s
LAST_SECONDS = 0.8  # how much longer a sync may take for the sake of metadata
_LOG = logging.getLogger("call_coach_assets.prefect")


def state_folder() -> Path:
    """Where the JSON lines and the spool are: `prefect/` in DAGSTER_HOME, else in `.dagster`."""
    return Path(os.environ.get("DAGSTER_HOME") or ".dagster") / "prefect"


def api_of(settings: Settings) -> PrefectApi | None:
    """The API that the settings name, None where they name none."""
    if settings.prefect_api_url is None:
        return None
    key = settings.prefect_api_key
    return PrefectApi(settings.prefect_api_url, key.get_secret_value() if key else None)


def backlog(folder: Path | None = None) -> Backlog | None:
    """What waits for Prefect on this machine, None where nothing was ever told from it."""
    folder = folder or state_folder()
    if not (folder / "spool.sqlite").exists():
        return None
    spool = Spool(folder)
    try:
        return spool.backlog()
    finally:
        spool.close()


@contextmanager
def only_deliverer(folder: Path) -> Iterator[bool]:
    """Whether this process may deliver now: one at a time does, so that the order holds."""
    with (folder / "delivery.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


class RunEmitter:
    """Tells what happens in `instance` from entering to leaving; leaving takes at most `last_seconds`.

    `folder` is where the state is kept. Entering and leaving raise nothing.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        settings: Settings,
        *,
        folder: Path | None = None,
        last_seconds: float = LAST_SECONDS,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._instance = instance
        self._settings = settings
        self._folder = folder or state_folder()
        self._last_seconds = last_seconds
        self._poll_seconds = poll_seconds
        self._deadline = float("inf")
        self._leaving = threading.Event()
        self._looking = threading.Lock()
        self._spool: Spool | None = None
        self._sweep: Sweep | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._settings.prefect_metadata_enabled:
            try:
                self._spool = Spool(self._folder)
                self._sweep = Sweep(self._instance, self._settings, self._spool, self._folder)
                self._thread = threading.Thread(target=self._work, name="prefect-metadata", daemon=True)
                self._thread.start()
            except (sqlite3.Error, OSError) as error:
                _LOG.warning("Prefect metadata cannot be kept in %s: %s", self._folder, error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is None:
            return
        self._deadline = time.monotonic() + self._last_seconds
        self._look()
        self._leaving.set()
        self._thread.join(max(0.0, self._deadline - time.monotonic()))
        self._warn()
        if self._spool is not None and not self._thread.is_alive():
            self._spool.close()

    def _work(self) -> None:
        """Look and deliver until the end, then deliver once more."""
        api = api_of(self._settings)
        delivery = Delivery(self._spool, api) if api is not None and self._spool is not None else None
        try:
            while not self._leaving.wait(self._poll_seconds):
                self._look()
                self._deliver(delivery)
            self._deliver(delivery)
            self._finish()
        finally:
            if api is not None:
                api.close()

    def _finish(self) -> None:
        with suppress(sqlite3.Error):
            if self._spool is not None:
                self._spool.forget()

    def _look(self) -> None:
        if self._sweep is None or not self._looking.acquire(timeout=self._last_seconds):
            return
        try:
            if not self._leaving.is_set():
                self._sweep.look()
        except Exception:
            _LOG.warning("Prefect metadata could not be taken from Dagster; it is tried again", exc_info=True)
        finally:
            self._looking.release()

    def _deliver(self, delivery: Delivery | None) -> None:
        if delivery is None or self._spool is None or self._spool.pausing:
            return
        try:
            with only_deliverer(self._folder) as alone:
                if alone:
                    delivery.drain(lambda: time.monotonic() < self._deadline)
        except PrefectUnavailableError as error:
            self._note(str(error))
        except (KeyError, TypeError, ValueError) as error:
            self._note(f"the answer makes no sense ({type(error).__name__}: {error})")
        except (sqlite3.Error, OSError) as error:
            _LOG.warning("Prefect metadata cannot be read in %s: %s", self._folder, error)

    def _note(self, reason: str) -> None:
        with suppress(sqlite3.Error):
            if self._spool is not None:
                self._spool.failed(redact(reason, self._settings.secrets))

    def _warn(self) -> None:
        with suppress(sqlite3.Error):
            waits = self._spool.backlog() if self._spool is not None else None
            if waits and waits.waiting:
                _LOG.warning(
                    "Prefect metadata: %s objects wait on disk (%s) for the next run or `call-coach prefect push`",
                    waits.waiting,
                    waits.last_error or "not delivered yet",
                )

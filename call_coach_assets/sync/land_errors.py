"""What went wrong within dlt: it wraps whatever stops a run in exceptions of its own."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from call_coach_assets.errors import (
    CallCoachError,
    StorageError,
    TargetError,
    TargetUnavailableError,
)
from call_coach_assets.sync import postgres

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG}


@contextmanager
def translating(entity: str) -> Iterator[None]:
    """Let what dlt raises while it lands `entity` out as the CallCoachError that it means."""
    try:
        yield
    except CallCoachError:
        raise
    except Exception as error:
        meant = translate(error, entity)
        if meant is None:
            raise
        raise meant from error


def translate(error: BaseException, entity: str) -> CallCoachError | None:
    """The error that `error` means, None where it is a fault of this project, to be raised as it is.

    An error of this project that passed through dlt comes out as it went in. Raises KeyboardInterrupt where it was
    that, which dlt wraps too.
    """
    causes = list(_causes(error))
    if any(isinstance(cause, KeyboardInterrupt) for cause in causes):
        raise KeyboardInterrupt from error
    for cause in causes:
        if isinstance(cause, CallCoachError):
            return cause
    what = f"Landing {entity}"
    return next(filter(None, (_meaning(cause, what) for cause in reversed(causes))), None)


def _meaning(error: BaseException, what: str) -> CallCoachError | None:
    if isinstance(error, psycopg.Error) or _is_driver_error(error):
        return _target_error(error, what)
    if isinstance(error, OSError) and error.errno in _DISK:
        return StorageError(
            what, why=str(error), remedy="free some disk space where temporary files lie, or set TMPDIR"
        )
    if isinstance(error, ConnectionError):
        return TargetUnavailableError(what, why=str(error), remedy="the next run tries again")
    return None


def _is_driver_error(error: BaseException) -> bool:
    return type(error).__module__.startswith(("psycopg2", "adbc_driver_manager"))


def _target_error(error: BaseException, what: str) -> TargetError:
    """By SQLSTATE: psycopg2 calls it pgcode; a connection that breaks has none."""
    state = getattr(error, "pgcode", None) or getattr(error, "sqlstate", None) or ""
    try:
        same = psycopg.errors.lookup(state)(str(error))
    except KeyError:
        same = psycopg.OperationalError(str(error))
    return postgres.translate(same, what)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and all that led to it, outermost first; dlt keeps some in attributes only."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        held = (getattr(current, name, None) for name in ("client_exception", "dbapi_exception", "exception"))
        waiting += [*held, current.__cause__, current.__context__]

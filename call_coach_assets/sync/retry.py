"""Trying again: a transient error is tried up to three times more, each time after twice as long."""

from __future__ import annotations

import logging

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from call_coach_assets.errors import CallCoachError
from call_coach_assets.redaction import redact
from call_coach_assets.settings import Settings

logger = logging.getLogger(__name__)

RETRIES = 3


def attempts(settings: Settings, what: str) -> Retrying:
    """Attempts for `for attempt in attempts(...): with attempt: ...`; the last error comes out as it is.

    Only errors that say of themselves that they are transient are tried again: after SYNC_RETRY_SECONDS, then twice
    and four times that, and up to half as much again, so that six entities do not come back at once.
    """
    first = settings.sync_retry_seconds
    return Retrying(
        retry=retry_if_exception(_is_transient),
        stop=stop_after_attempt(1 + RETRIES),
        wait=wait_exponential_jitter(multiplier=first, max=8 * first, exp_base=2, jitter=first / 2),
        before_sleep=lambda state: _log(state, what, settings),
        reraise=True,
    )


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, CallCoachError) and error.transient


def _log(state: RetryCallState, what: str, settings: Settings) -> None:
    error = redact(str(state.outcome.exception() if state.outcome else ""), settings.secrets)
    wait = state.next_action.sleep if state.next_action else 0.0
    logger.warning("%s: retry %d of %d in %.1f s after: %s", what, state.attempt_number, RETRIES, wait, error)

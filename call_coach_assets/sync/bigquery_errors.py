"""What BigQuery's failures mean: every exception of its client libraries as an error of the SourceError family."""

from __future__ import annotations

import re

import pyarrow as pa
import requests
import urllib3
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from call_coach_assets.errors import (
    CallCoachError,
    SourceAccessError,
    SourceCostError,
    SourceError,
    SourceMissingError,
    SourceQueryError,
    SourceQuotaError,
    SourceUnavailableError,
)

# Everything that a call to BigQuery may raise; whatever else comes out of one is a fault of this project.
FAILURES = (
    api.GoogleAPIError,
    auth.GoogleAuthError,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    pa.ArrowInvalid,
    OSError,  # connections and time-outs
)

# BigQuery's own reasons decide before the HTTP status: it answers 403 for a quota as for a missing grant.
_REASONS: dict[str, type[SourceError]] = {
    **dict.fromkeys(("quotaExceeded", "rateLimitExceeded", "jobRateLimitExceeded", "blocked"), SourceQuotaError),
    **dict.fromkeys(("bytesBilledLimitExceeded",), SourceCostError),
    **dict.fromkeys(("accessDenied", "billingNotEnabled", "authError"), SourceAccessError),
    **dict.fromkeys(("notFound",), SourceMissingError),
    **dict.fromkeys(("invalid", "invalidQuery", "parseError", "resourcesExceeded"), SourceQueryError),
    **dict.fromkeys(("backendError", "internalError", "jobBackendError", "jobInternalError"), SourceUnavailableError),
    **dict.fromkeys(("timeout", "stopped", "badGateway", "tableUnavailable"), SourceUnavailableError),
}
_STATUSES: dict[int, type[SourceError]] = {
    400: SourceQueryError,
    401: SourceAccessError,
    403: SourceAccessError,
    404: SourceMissingError,
    408: SourceUnavailableError,
    429: SourceQuotaError,
    499: SourceUnavailableError,
}
_REMEDIES: dict[type[SourceError], str] = {
    SourceQuotaError: "wait: the next run tries again; where it persists, raise the quota in the Google Cloud console",
    SourceCostError: "raise MAX_BYTES_BILLED where the query is meant to read that much",
    SourceMissingError: "check BIGQUERY_PROJECT, GONG_DATASET and SALESFORCE_DATASET, and that Fivetran has landed it",
    SourceQueryError: "correct the entity's query.sql; `call-coach doctor` shows what the source looks like",
    SourceUnavailableError: "the next run tries again; where it persists, see https://status.cloud.google.com",
}
_ROLES = {
    "bigquery.jobs.create": "roles/bigquery.jobUser on the project",
    "bigquery.readsessions.create": "roles/bigquery.readSessionUser on the project",
}
_PERMISSION = re.compile(r"\bbigquery\.[a-z]+\.[a-zA-Z]+\b")
_BYTES_LIMIT = re.compile(r"limit for bytes billed", re.IGNORECASE)


def translate(error: BaseException, what: str) -> CallCoachError:
    """The error to raise from `error`: `what` failed (`Reading calls from BigQuery`), and why, and what to do."""
    if isinstance(error, CallCoachError):
        return error
    if isinstance(error, api.RetryError) and error.cause is not None:
        return translate(error.cause, what)
    kind = _kind(error)
    why = _message(error)
    return kind(what, why=why, remedy=_access_remedy(why) if kind is SourceAccessError else _REMEDIES[kind])


def _kind(error: BaseException) -> type[SourceError]:
    if isinstance(error, api.GoogleAPICallError):
        return _kind_of_answer(error)
    if isinstance(error, auth.GoogleAuthError) and not isinstance(error, auth.TransportError) and not error.retryable:
        return SourceAccessError
    return SourceUnavailableError


def _kind_of_answer(error: api.GoogleAPICallError) -> type[SourceError]:
    if _BYTES_LIMIT.search(error.message or ""):
        return SourceCostError
    reason = _first_error(error).get("reason", "")
    if reason in _REASONS:
        return _REASONS[reason]
    status = int(error.code or 500)
    return SourceUnavailableError if status >= 500 else _STATUSES.get(status, SourceQueryError)


def _first_error(error: api.GoogleAPICallError) -> dict[str, str]:
    first = next(iter(error.errors or ()), None)
    return first if isinstance(first, dict) else {}


def _message(error: BaseException) -> str:
    """BigQuery's own sentence where there is one, without the client's footers."""
    if isinstance(error, api.GoogleAPICallError):
        return _first_error(error).get("message") or str(error.message or error).split("\n\nLocation:")[0]
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _access_remedy(why: str) -> str:
    if (permission := _PERMISSION.search(why)) is not None:
        role = _ROLES.get(permission[0], "roles/bigquery.dataViewer on the dataset")
        return f"grant {permission[0]} to the service account, for instance with {role}"
    return (
        "check GOOGLE_APPLICATION_CREDENTIALS, and grant its account roles/bigquery.jobUser on the project and"
        " roles/bigquery.dataViewer on both datasets"
    )

"""What each failure of BigQuery means, and what to do about it."""

from __future__ import annotations

import pytest
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from call_coach_assets.errors import (
    CallCoachError,
    SourceAccessError,
    SourceCostError,
    SourceMissingError,
    SourceQueryError,
    SourceQuotaError,
    SourceUnavailableError,
)
from call_coach_assets.sync.bigquery_errors import translate


def refusal(status: int, reason: str, message: str) -> api.GoogleAPICallError:
    return api.from_http_status(status, message, errors=[{"reason": reason, "message": message}])


@pytest.mark.covers("P26")
@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (refusal(403, "quotaExceeded", "Quota exceeded"), SourceQuotaError, "Quota exceeded"),
        (refusal(403, "rateLimitExceeded", "Too many"), SourceQuotaError, "Too many"),
        (refusal(429, "", "Slow down"), SourceQuotaError, "Slow down"),
        (refusal(500, "bytesBilledLimitExceeded", "Over"), SourceCostError, "MAX_BYTES_BILLED"),
        (refusal(400, "invalid", "Query exceeded limit for bytes billed: 1."), SourceCostError, "MAX_BYTES_BILLED"),
        (
            refusal(403, "accessDenied", "User does not have bigquery.jobs.create permission in project p."),
            SourceAccessError,
            "grant bigquery.jobs.create to the service account, for instance with roles/bigquery.jobUser",
        ),
        (
            refusal(403, "accessDenied", "Permission bigquery.tables.getData denied on table p:d.t"),
            SourceAccessError,
            "roles/bigquery.dataViewer",
        ),
        (
            refusal(403, "accessDenied", "Access Denied: Table p:d.t"),
            SourceAccessError,
            "GOOGLE_APPLICATION_CREDENTIALS",
        ),
        (refusal(404, "notFound", "Not found: Dataset p:d"), SourceMissingError, "Not found: Dataset p:d"),
        (refusal(400, "invalidQuery", "Syntax error at [1:1]"), SourceQueryError, "Syntax error"),
        (refusal(503, "backendError", "Try later"), SourceUnavailableError, "Try later"),
        (api.RetryError("gave up", cause=refusal(429, "", "Slow")), SourceQuotaError, "Slow"),
        (auth.RefreshError("invalid_grant"), SourceAccessError, "GOOGLE_APPLICATION_CREDENTIALS"),
        (auth.TransportError("no route"), SourceUnavailableError, "no route"),
        (ConnectionResetError("reset"), SourceUnavailableError, "reset"),
        (TimeoutError(), SourceUnavailableError, "TimeoutError"),
    ],
)
def test_each_failure_has_its_meaning_and_remedy(error: Exception, kind: type[CallCoachError], says: str) -> None:
    meant = translate(error, "Reading calls")
    assert type(meant) is kind
    assert meant.what == "Reading calls"
    assert says in str(meant)

"""Every error that a sync can end with.

    CallCoachError
    ├── ConfigurationError      a setting, a YAML file or a query is wrong        permanent
    ├── SourceError             BigQuery
    │   ├── SourceAccessError       credentials or permissions                    permanent
    │   ├── SourceMissingError      a project, dataset, table or column is gone   permanent
    │   ├── SourceQueryError        BigQuery refuses the query                    permanent
    │   ├── SourceCostError         the query is over MAX_BYTES_BILLED            permanent
    │   ├── SourceQuotaError        a quota or a rate limit                       transient
    │   └── SourceUnavailableError  network, 5xx, a response cut short            transient
    ├── TargetError             the application's Postgres
    │   ├── TargetAccessError       credentials or grants                         permanent
    │   ├── TargetMissingError      a table or a column is gone                   permanent
    │   ├── TargetRefusedError      Postgres refuses a statement                  permanent
    │   └── TargetUnavailableError  network, restart, too many connections        transient
    ├── StorageError            the disk of this machine                          permanent
    ├── EntityLockedError       another sync of the same entity is running        transient
    └── ReconcileRefusedError   a comparison would delete too much                permanent

An error says what failed, why, and what to do next. `transient` says whether trying again can help:
the same run retries transient errors, and a failed run is only run again for one of them.
"""

from __future__ import annotations


class CallCoachError(Exception):
    """What failed, why, and what to do next; none of the three holds a secret."""

    transient: bool = False

    def __init__(self, what: str, *, why: str = "", remedy: str = "") -> None:
        super().__init__(what, why, remedy)
        self.what = what
        self.why = why
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        """Let the error cross a process boundary with its remedy."""
        return (_rebuild, (type(self), self.what, self.why, self.remedy))

    def __str__(self) -> str:
        message = f"{self.what}: {self.why}" if self.why else self.what
        return f"{message}\nWhat to do: {self.remedy}" if self.remedy else message


def _rebuild(kind: type[CallCoachError], what: str, why: str, remedy: str) -> CallCoachError:
    return kind(what, why=why, remedy=remedy)


class ConfigurationError(CallCoachError):
    """A setting, a YAML file or a query of this project is wrong."""


class SourceError(CallCoachError):
    """BigQuery, where Fivetran lands the data."""


class SourceAccessError(SourceError):
    """Google credentials are missing or wrong, or lack a permission."""


class SourceMissingError(SourceError):
    """A project, dataset, table or column is not there."""


class SourceQueryError(SourceError):
    """BigQuery refuses the query."""


class SourceCostError(SourceError):
    """The query would bill more than MAX_BYTES_BILLED."""


class SourceQuotaError(SourceError):
    """A quota or a rate limit of BigQuery."""

    transient = True


class SourceUnavailableError(SourceError):
    """BigQuery cannot be reached, fails, or cut its answer short."""

    transient = True


class TargetError(CallCoachError):
    """The application's Postgres."""


class TargetAccessError(TargetError):
    """Postgres refuses the credentials, or the role lacks a grant."""


class TargetMissingError(TargetError):
    """A table or a column of the application is not there."""


class TargetRefusedError(TargetError):
    """Postgres refuses a statement."""


class TargetUnavailableError(TargetError):
    """Postgres cannot be reached, restarts, or has no connection left."""

    transient = True


class StorageError(CallCoachError):
    """The disk of this machine is full or cannot be written."""


class EntityLockedError(CallCoachError):
    """Another sync of the same entity is running."""

    transient = True


class ReconcileRefusedError(CallCoachError):
    """A comparison would delete more of a table than is plausible."""

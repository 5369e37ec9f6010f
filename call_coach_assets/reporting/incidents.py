"""When to alert: a pure state machine over finished runs, in the order in which they ended.

There is one incident at a time for syncs, and one for reconciles, of which only Slack hears: nothing is stale then.

An incident is open from the first run that failed for good, or ended with a failed ERROR check, until every entity that
was affected has been synced well. However many runs and entities fail meanwhile, it is one incident: one message when
it opens, one page when it has lasted for `PAGE_AFTER` runs in a row, one message when it is over.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

PAGE_AFTER = 3
THE_RUN = "the run"  # what is affected where no entity can be named
Job = Literal["sync", "reconcile"]
Receiver = Literal["slack", "pagerduty"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Problem(_Value):
    """What is wrong with one entity: an error that ended its sync, or, where `check` says so, a check that failed."""

    entity: str
    what: str
    remedy: str = ""
    check: bool = False


class FinishedRun(_Value):
    """One run that has ended. `retried` says that another attempt follows, so that nothing is permanent yet.

    `first` is the run that this one tries again; both are the same hour's.
    """

    run_id: str
    job: Job = "sync"
    first: str | None = None
    ended_at: datetime
    status: Literal["success", "failure", "canceled"]
    problems: tuple[Problem, ...] = ()
    synced: tuple[str, ...] = ()  # the entities that the run synced
    retried: bool = False

    @property
    def failed(self) -> bool:
        """Whether the run needs attention: it failed for good, or a check found bad data."""
        return not self.retried and (self.status == "failure" or bool(self.problems))


class Incident(_Value):
    """Something that is wrong and was told. `key` identifies it at PagerDuty."""

    key: str
    job: Job = "sync"
    since: datetime
    run_id: str
    last_run: str = ""
    problems: tuple[Problem, ...]
    affected: tuple[str, ...]
    failed_runs: int = 1
    paged: bool = False


class Notice(_Value):
    """Something to tell. PagerDuty hears of an incident from its escalation on; `receivers` have not taken it yet."""

    kind: Literal["opened", "escalated", "recovered"]
    incident: Incident
    at: datetime
    run_id: str
    receivers: tuple[Receiver, ...] = ("slack", "pagerduty")


def advance(incident: Incident | None, run: FinishedRun) -> tuple[Incident | None, Notice | None]:
    """Take a finished run into account: its job's incident that is open afterwards, and what has to be told, if any."""
    if run.failed:
        return _worse(incident, run)
    if incident is None or run.status != "success" or run.retried:
        return incident, None
    remaining = tuple(entity for entity in incident.affected if entity not in run.synced)
    if remaining:
        return incident.model_copy(update={"affected": remaining}), None
    return None, _notice("recovered", incident, run)


def _worse(incident: Incident | None, run: FinishedRun) -> tuple[Incident, Notice | None]:
    affected = {problem.entity for problem in run.problems}
    first = run.first or run.run_id
    if incident is None:
        opened = Incident(
            key=f"call-coach-{run.job}-{run.run_id}",
            job=run.job,
            since=run.ended_at,
            run_id=run.run_id,
            last_run=first,
            problems=run.problems,
            affected=tuple(sorted(affected)),
        )
        return opened, _notice("opened", opened, run)
    failed_runs = incident.failed_runs + (first != incident.last_run)
    page = run.job == "sync" and failed_runs >= PAGE_AFTER and not incident.paged
    going_on = incident.model_copy(
        update={
            "affected": tuple(sorted(affected | set(incident.affected))),
            "problems": run.problems or incident.problems,
            "failed_runs": failed_runs,
            "last_run": first,
            "paged": incident.paged or page,
        }
    )
    return going_on, _notice("escalated", going_on, run) if page else None


def _notice(kind: Literal["opened", "escalated", "recovered"], incident: Incident, run: FinishedRun) -> Notice:
    receivers: tuple[Receiver, ...] = ("slack", "pagerduty") if incident.job == "sync" else ("slack",)
    return Notice(kind=kind, incident=incident, at=run.ended_at, run_id=run.run_id, receivers=receivers)

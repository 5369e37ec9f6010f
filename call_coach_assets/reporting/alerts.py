"""Tells Slack and PagerDuty about incidents, over their plain HTTP interfaces.

dagster-slack needs a bot's token where users have a webhook, and dagster-pagerduty's client knows no timeout, so that a
slow PagerDuty would stall the daemon: one bounded `post` serves both.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

import requests
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from call_coach_assets.redaction import redact
from call_coach_assets.reporting.health import span
from call_coach_assets.reporting.incidents import THE_RUN, Incident, Notice, Problem, Receiver
from call_coach_assets.settings import Settings

PAGERDUTY_EVENTS = "https://events.pagerduty.com/v2/enqueue"
POST_SECONDS = 10.0
Checkpoints = Mapping[str, datetime | None] | None
_SLACK_TEXT_LIMIT = 3000
_log = logging.getLogger(__name__)


class DeliveryError(Exception):
    """An alert could not be delivered; it is kept and tried again. The text names the receiver, never its address."""


def deliver(notice: Notice, checkpoints: Checkpoints, settings: Settings) -> Notice | None:
    """Log the notice and send it to each receiver that is configured; what is returned has still to be delivered.

    `checkpoints` are the newest published source changes, which say how stale the application is; None where they
    are not known.
    """
    text = redact(message(notice, checkpoints, settings.dagster_ui_url), settings.secrets)
    _log.log(logging.INFO if notice.kind == "recovered" else logging.ERROR, "%s", text)
    remaining = tuple(receiver for receiver in notice.receivers if not _delivered(receiver, notice, text, settings))
    return notice.model_copy(update={"receivers": remaining}) if remaining else None


def _delivered(receiver: Receiver, notice: Notice, text: str, settings: Settings) -> bool:
    try:
        if receiver == "slack":
            _tell_slack(text, settings)
        else:
            _tell_pagerduty(notice, text, settings)
    except DeliveryError as error:
        _log.warning("An alert waits: %s; it is sent again with the next look at the runs", error)
        return False
    return True


def _tell_slack(text: str, settings: Settings) -> None:
    if settings.slack_webhook_url is not None:
        _post("Slack", settings.slack_webhook_url.get_secret_value(), {"text": text[:_SLACK_TEXT_LIMIT]})


def _tell_pagerduty(notice: Notice, text: str, settings: Settings) -> None:
    if settings.pagerduty_routing_key is not None and notice.incident.paged:
        event = _pagerduty_event(notice, text, settings.pagerduty_routing_key.get_secret_value())
        _post("PagerDuty", settings.pagerduty_events_url or PAGERDUTY_EVENTS, event)


def message(notice: Notice, checkpoints: Checkpoints, ui: str) -> str:
    """What failed, since when, what it means for the application, what to do, and where to look."""
    incident = notice.incident
    if notice.kind == "recovered":
        recovered = f"Recovered: {_names(incident)}, wrong since {_time(incident.since)}."
        return f"{recovered}\n{_link(ui, notice)}"
    often = f" {incident.failed_runs} times in a row" if notice.kind == "escalated" else ""
    lines = [f"{_title(incident)}{often}: {_names(incident)}, since {_time(incident.since)}."]
    lines += _meaning(incident, checkpoints, notice.at)
    lines += [_problem(problem) for problem in incident.problems]
    return "\n".join([*lines, _link(ui, notice)])


def _title(incident: Incident) -> str:
    if incident.problems and all(problem.check for problem in incident.problems):
        return "A check found bad data"
    return f"The {incident.job} failed"


def _names(incident: Incident) -> str:
    return ", ".join(incident.affected) or THE_RUN


def _problem(problem: Problem) -> str:
    remedy = f"\n  What to do: {problem.remedy}" if problem.remedy else ""
    return f"- {problem.entity}: {problem.what}{remedy}"


def _meaning(incident: Incident, checkpoints: Checkpoints, now: datetime) -> list[str]:
    """What the application notices."""
    if incident.job == "reconcile":
        return ["Both ends were not compared, or still differ; the hourly sync goes on."]
    if checkpoints is None:
        return ["How far behind the application is cannot be told: its Postgres does not answer."]
    return [_stale(entity, checkpoints.get(entity), now) for entity in incident.affected if entity != THE_RUN]


def _stale(entity: str, checkpoint: datetime | None, now: datetime) -> str:
    if checkpoint is None:
        return f"The application has no {entity} yet."
    ago = span((now - checkpoint).total_seconds())
    return f"The application sees {entity} as they were at {_time(checkpoint)}, {ago} ago."


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _link(ui: str, notice: Notice) -> str:
    return f"Run: {ui.rstrip('/')}/runs/{notice.run_id}"


def _pagerduty_event(notice: Notice, text: str, routing_key: str) -> dict[str, object]:
    return {
        "routing_key": routing_key,
        "event_action": "resolve" if notice.kind == "recovered" else "trigger",
        "dedup_key": notice.incident.key,
        "payload": {
            "summary": text.splitlines()[0][:1024],
            "source": "call_coach_assets",
            "severity": "error",
            "timestamp": notice.at.isoformat(),
            "custom_details": {"details": text},
        },
    }


@retry(
    retry=retry_if_exception_type(DeliveryError),
    stop=stop_after_attempt(2),
    wait=wait_exponential(multiplier=0.5, max=5),
    reraise=True,
)
def _post(receiver: str, url: str, body: Mapping[str, object]) -> None:
    try:
        response = requests.post(url, json=body, timeout=POST_SECONDS)
    except requests.RequestException as error:
        raise DeliveryError(f"{receiver} cannot be reached ({type(error).__name__})") from None
    if not response.ok:
        raise DeliveryError(f"{receiver} answered {response.status_code}")

"""Brings emissions to a Prefect API in order, each so that a repetition changes nothing.

- flow, flow_run: the API returns the one that exists, by name or by idempotency key
- deployment: looked up by name first, so that an operator's changes to it stay
- flow_run_state: skipped where the flow run's history has its transition id, as read once and after each failure
- event: the API keeps one of each id; task runs are made of events
- artifact: skipped where the flow run has one of its key
- log: those lines are left out that the flow run has with the same time and text
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from call_coach_assets.reporting.prefect import objects
from call_coach_assets.reporting.prefect.api import (
    PrefectApi,
    PrefectRefusedError,
    PrefectUnavailableError,
    as_list,
    as_object,
)
from call_coach_assets.reporting.prefect.objects import Emission, Json
from call_coach_assets.reporting.prefect.spool import Spool

BATCH = 100
PAGE = 200  # the most that Prefect returns at once
_BATCHED = {"event", "log"}
_ESSENTIAL = {"flow", "deployment", "flow_run"}  # refused for all: the address is wrong, and nothing is given up


class Delivery:
    """Delivers what waits in `spool` to `api`."""

    def __init__(self, spool: Spool, api: PrefectApi) -> None:
        self._spool = spool
        self._api = api
        self._known_states: dict[str, set[str]] = {}
        self._known_artifacts: dict[str, set[str]] = {}
        self._known_logs: set[str] = set()
        self._single: dict[str, Callable[[Emission], None]] = {
            "flow": self._flow,
            "deployment": self._deployment,
            "flow_run": self._flow_run,
            "flow_run_state": self._state,
            "artifact": self._artifact,
        }

    def drain(self, go_on: Callable[[], bool] = lambda: True) -> int:
        """Deliver until nothing waits or `go_on` says no; returns how many. Raises PrefectUnavailableError."""
        try:
            return self._drain(go_on)
        except PrefectUnavailableError:  # what the server has of the last request is not known
            for known in (self._known_states, self._known_artifacts, self._known_logs):
                known.clear()
            raise

    def _drain(self, go_on: Callable[[], bool]) -> int:
        delivered = 0
        while go_on() and (waiting := self._spool.waiting(BATCH)):
            for group in _groups(waiting):
                delivered += self._deliver(group)
                if not go_on():
                    break
        return delivered

    def _deliver(self, group: Sequence[Emission]) -> int:
        try:
            self._send(group)
        except PrefectRefusedError as refusal:
            if len(group) > 1:
                return sum(self._deliver([emission]) for emission in group)
            self._give_up(group[0], refusal)
            return 0
        self._spool.settle([emission.id for emission in group], "sent")
        self._spool.succeeded()
        return len(group)

    def _give_up(self, emission: Emission, refusal: PrefectRefusedError) -> None:
        if emission.kind in _ESSENTIAL:
            raise refusal.unavailable() from None
        self._spool.settle([emission.id], "refused", str(refusal))

    def _send(self, group: Sequence[Emission]) -> None:
        if group[0].kind == "event":
            self._api.post("/events", [self._resolved(emission.body) for emission in group])
        elif group[0].kind == "log":
            self._logs([self._resolved(emission.body) for emission in group])
        else:
            self._single[group[0].kind](group[0])

    def _resolved(self, body: Json) -> Json:
        """The body with the server's ids where derived ones stand for them."""
        text = json.dumps(body, default=str)
        for derived in _stand_ins(body, text):
            given = self._spool.given_id(self._api.url, derived)
            text = text.replace(derived, given) if given else text
        resolved: Json = json.loads(text)
        return resolved

    def _remember(self, derived: str, answer: object) -> None:
        self._spool.remember_id(self._api.url, derived, str(as_object(answer, "id")["id"]))

    def _flow(self, emission: Emission) -> None:
        self._remember(objects.flow_id(), self._api.post("/flows/", emission.body))

    def _deployment(self, emission: Emission) -> None:
        there = self._api.get(f"/deployments/name/{objects.FLOW_NAME}/{emission.body['name']}")
        answer = there or self._api.post("/deployments/", self._resolved(emission.body))
        self._remember(objects.deployment_id(), answer)

    def _flow_run(self, emission: Emission) -> None:
        answer = self._api.post("/flow_runs/", self._resolved(emission.body))
        self._remember(objects.flow_run_id(emission.run_id), answer)

    def _state(self, emission: Emission) -> None:
        flow_run = self._given_run(emission.run_id)
        if flow_run not in self._known_states:
            history = as_list(self._api.get("/flow_run_states/", flow_run_id=flow_run) or [])
            details = [state.get("state_details") or {} for state in history]
            self._known_states[flow_run] = {str(detail.get("transition_id")) for detail in details}
        if emission.id not in self._known_states[flow_run]:
            change = {"state": emission.body, "force": True}
            as_object(self._api.post(f"/flow_runs/{flow_run}/set_state", change), "status")
            self._known_states[flow_run].add(emission.id)

    def _artifact(self, emission: Emission) -> None:
        flow_run, key = self._given_run(emission.run_id), str(emission.body["key"])
        if flow_run not in self._known_artifacts:
            wanted = {"artifacts": {"flow_run_id": {"any_": [flow_run]}}}
            there = as_list(self._api.post("/artifacts/filter", wanted))
            self._known_artifacts[flow_run] = {str(artifact.get("key")) for artifact in there}
        if key not in self._known_artifacts[flow_run]:
            as_object(self._api.post("/artifacts/", self._resolved(emission.body)), "id")
            self._known_artifacts[flow_run].add(key)

    def _logs(self, lines: list[Json]) -> None:
        run = str(lines[0]["flow_run_id"])
        known = set() if run in self._known_logs else set(self._lines_of(run, lines))
        new = [line for line in lines if _line_key(line) not in known]
        if new:
            self._api.post("/logs/", new)
        if not known:  # nothing was repeated, so nothing of what follows is
            self._known_logs.add(run)

    def _lines_of(self, run: str, lines: Iterable[Json]) -> Iterator[tuple[datetime, str]]:
        times = sorted(str(line["timestamp"]) for line in lines)
        wanted = {"flow_run_id": {"any_": [run]}, "timestamp": {"after_": times[0], "before_": times[-1]}}
        offset = 0
        while True:
            page = as_list(self._api.post("/logs/filter", {"logs": wanted, "limit": PAGE, "offset": offset}))
            yield from (_line_key(line) for line in page)
            if len(page) < PAGE:
                return
            offset += PAGE

    def _given_run(self, run_id: str) -> str:
        derived = objects.flow_run_id(run_id)
        return self._spool.given_id(self._api.url, derived) or derived


def _groups(waiting: Iterable[Emission]) -> Iterator[list[Emission]]:
    """Neighbours that one request can carry, in order: events or log lines of one run; everything else alone."""

    def same(numbered: tuple[int, Emission]) -> tuple[object, ...]:
        number, emission = numbered
        return (emission.kind, emission.run_id) if emission.kind in _BATCHED else (number,)

    for _, group in groupby(enumerate(waiting), key=same):
        yield [emission for _, emission in group]


def _line_key(line: Json) -> tuple[datetime, str]:
    return datetime.fromisoformat(str(line["timestamp"]).replace("Z", "+00:00")), str(line["message"])


def _stand_ins(body: Json, text: str) -> list[str]:
    candidates = [objects.flow_id(), objects.deployment_id(), str(body.get("flow_run_id") or "")]
    candidates += [part[len("prefect.flow-run.") :] for part in _resource_ids(body)]
    return [candidate for candidate in candidates if candidate and candidate in text]


def _resource_ids(body: Json) -> list[str]:
    resources = [body.get("resource") or {}, *(body.get("related") or [])]
    ids = [str(resource.get("prefect.resource.id", "")) for resource in resources]
    return [identity for identity in ids if identity.startswith("prefect.flow-run.")]

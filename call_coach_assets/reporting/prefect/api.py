"""The sink that a Prefect user sees: the REST API of a Prefect server or of Prefect Cloud.

Every delivery may be a repetition, because a process can die between the server's answer and its note of it. So each
kind is delivered in a way that a second time changes nothing; docs/prefect.md says how.
"""

from __future__ import annotations

import json
import time
from typing import Any, cast
from urllib.parse import unquote

import requests
from urllib3.exceptions import HTTPError

from call_coach_assets.redaction import redact, secrets_in_url, without_credentials
from call_coach_assets.reporting.prefect.objects import Json

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
LARGEST_ANSWER = 8 * 1024 * 1024  # bytes
_TRANSIENT = {408, 425}
_BUSY = {429, 503}  # a server on SQLite says so whenever two writers meet
_PAUSES = (0.1, 0.3)  # seconds before a busy server is asked again
_CHUNK = 64 * 1024


class PrefectUnavailableError(Exception):
    """The server is down, slow, refuses this client or answers nonsense: what waits goes on waiting."""


class _BusyError(PrefectUnavailableError):
    """The server answers, and asks for a moment."""


class PrefectRefusedError(Exception):
    """The server answers, and does not want this one object: the others go on."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"HTTP {status}: {message}")
        self.status = status

    def unavailable(self) -> PrefectUnavailableError:
        """The same, for an object without which no other can be delivered: the server cannot be used as it is."""
        return PrefectUnavailableError(f"{self}: is PREFECT_API_URL the address of Prefect's API?")


class PrefectApi:
    """Requests to `url` (http://host:4200/api, or https://api.prefect.cloud/api/accounts/…/workspaces/…).

    A request takes at most `seconds` for its answer. Raises PrefectUnavailableError or PrefectRefusedError.
    """

    def __init__(self, url: str, key: str | None = None, seconds: float = ANSWER_SECONDS) -> None:
        self.url = without_credentials(url).rstrip("/")
        self._seconds = seconds
        self._secrets = (*secrets_in_url(url), *([key] if key else []))  # a server may quote what it refuses
        self._session = requests.Session()
        user, _, password = url.rpartition("://")[2].rpartition("@")[0].partition(":")
        if user:
            self._session.auth = (unquote(user), unquote(password))
        self._session.headers["Accept"] = "application/json"
        if key:
            self._session.headers["Authorization"] = f"Bearer {key}"

    def post(self, path: str, body: object) -> Any:
        """POST JSON and return the JSON of the answer, None where it is empty."""
        return self._request("POST", path, json=json.loads(json.dumps(body, default=str)))

    def get(self, path: str, **params: str) -> Any:
        """GET JSON; None where there is nothing under that path."""
        try:
            return self._request("GET", path, params=params)
        except PrefectRefusedError as refusal:
            if refusal.status == 404:
                return None
            raise

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def _request(self, method: str, path: str, **extra: Any) -> Any:
        for pause in _PAUSES:
            try:
                return self._once(method, path, **extra)
            except _BusyError:
                time.sleep(pause)
        return self._once(method, path, **extra)

    def _once(self, method: str, path: str, **extra: Any) -> Any:
        try:
            with self._session.request(
                method,
                self.url + path,
                timeout=(CONNECT_SECONDS, self._seconds),
                stream=True,
                allow_redirects=False,
                **extra,
            ) as response:
                return _judged(response.status_code, redact(self._text(response), self._secrets))
        except (requests.RequestException, HTTPError, OSError) as error:
            raise PrefectUnavailableError(f"{type(error).__name__} at {self.url}") from None

    def _text(self, response: requests.Response) -> str:
        deadline, parts, size = time.monotonic() + self._seconds, [], 0
        while part := response.raw.read1(_CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            if time.monotonic() > deadline or size > LARGEST_ANSWER:
                raise PrefectUnavailableError(f"{self.url} answers too slowly or too much")
        return b"".join(parts).decode(errors="replace")


def _judged(status: int, text: str) -> Any:
    if status in _BUSY:
        raise _BusyError(f"HTTP {status}")
    if status in _TRANSIENT or status >= 500 or 300 <= status < 400:
        raise PrefectUnavailableError(f"HTTP {status}")
    if status in {401, 403}:
        raise PrefectUnavailableError(f"HTTP {status}: PREFECT_API_KEY is missing, wrong or lacks a permission")
    if status >= 400:
        raise PrefectRefusedError(status, text[:500])
    try:
        return json.loads(text) if text.strip() else None
    except ValueError:
        raise PrefectUnavailableError("the answer is no JSON: is PREFECT_API_URL the address of the API?") from None


def as_object(answer: Any, *fields: str) -> Json:
    """An answer that must be an object with these fields; raises PrefectUnavailableError where it is none."""
    if not isinstance(answer, dict) or not all(field in answer for field in fields):
        raise PrefectUnavailableError("the answer is not Prefect's: is PREFECT_API_URL the address of the API?")
    return cast("Json", answer)


def as_list(answer: Any) -> list[Json]:
    """An answer that must be a list of objects; raises PrefectUnavailableError where it is none."""
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        raise PrefectUnavailableError("the answer is not Prefect's: is PREFECT_API_URL the address of the API?")
    return answer

"""An HTTP server on loopback that writes down what it is sent and answers as it is told."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request; `body` is parsed where it is JSON, else text."""

    method: str
    path: str
    body: Any
    headers: dict[str, str]


@dataclass(frozen=True)
class _Answer:
    status: int
    body: Any
    delay: float


class Recorder:
    """`url` is where it listens; `requests` is what came, in order."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self._default = _Answer(200, {}, 0.0)
        self._queued: list[_Answer] = []
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, status: int = 200, body: Any = None, *, delay: float = 0.0, times: int | None = None) -> None:
        """Answer so from now on, or only the next `times` requests; `delay` is seconds."""
        answer = _Answer(status, {} if body is None else body, delay)
        if times is None:
            self._default = answer
        else:
            self._queued += [answer] * times

    def bodies(self, path: str = "") -> list[Any]:
        """The bodies of the requests whose path contains `path`."""
        return [request.body for request in self.requests if path in request.path]

    def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def take(self, request: Received) -> _Answer:
        """Write a request down; return what to answer."""
        self.requests.append(request)
        answer = self._queued.pop(0) if self._queued else self._default
        self._closing.wait(answer.delay)
        return answer


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return content.decode(errors="replace")


def _handler_for(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the base class has
            pass

        def _serve(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            received = Received(self.command, self.path, _parsed(content), dict(self.headers))
            answer = recorder.take(received)
            body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names of the base class

    return Handler

"""HTTP servers on loopback that misbehave in one way each."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import requests


class _Quiet(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def answer(self, body: bytes) -> None:
        """Answer a request with this body."""
        raise NotImplementedError

    def say(self, status: int, body: bytes) -> None:
        """Send an answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@contextmanager
def _serving(behaviour: type[_Quiet]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), behaviour)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def answering(status: int, text: str) -> Iterator[str]:
    """A server that always says the same; yields what could be PREFECT_API_URL."""

    class Same(_Quiet):
        def answer(self, body: bytes) -> None:
            self.say(status, text.encode())

    with _serving(Same) as url:
        yield url


@contextmanager
def lossy(target: str) -> Iterator[str]:
    """A way to `target` on which the first answer to every different request is lost after the target acted."""
    seen: set[tuple[str, bytes]] = set()
    base = target.removesuffix("/api")

    class Lossy(_Quiet):
        def answer(self, body: bytes) -> None:
            headers = {"Content-Type": "application/json"}
            answer = requests.request(self.command, base + self.path, data=body, headers=headers, timeout=30)
            if (self.path, body) in seen:
                self.say(answer.status_code, answer.content)
            else:
                seen.add((self.path, body))
                self.close_connection = True

    with _serving(Lossy) as url:
        yield url

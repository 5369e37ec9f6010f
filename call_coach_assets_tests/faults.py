"""A TCP proxy on loopback that stands before the emulator or Postgres and breaks what passes, as it is told.

A fault waits for what a client sends: `when` is a piece of it, such as b"/queries" or b"MERGE" (b"" is anything), and
`times` is how often it strikes. What no fault waits for passes untouched.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit, urlunsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_REASONS = {403: "quotaExceeded", 429: "rateLimitExceeded", 500: "internalError", 503: "backendError"}


@dataclass
class _Fault:
    when: bytes
    times: int
    strike: Callable[[_Connection, bytes], bool]  # whether the sent bytes are still to be passed on


class FaultProxy:
    """Stands before `target`: (host, port), or the path of a unix socket. `url` is its own HTTP address."""

    def __init__(self, target: tuple[str, int] | str) -> None:
        self.target = target
        self.connections: list[_Connection] = []
        self.struck = 0
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._listener = _listen(0)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    @classmethod
    def before_emulator(cls, url: str) -> Self:
        """A proxy before http://host:port; give clients its `url`."""
        parts = urlsplit(url)
        return cls((parts.hostname or "", parts.port or 80))

    @classmethod
    def before_postgres(cls, url: str) -> Self:
        """A proxy before a Postgres on a unix socket; give clients `postgres_url(url)`."""
        return cls(str(Path(unquote(urlsplit(url).netloc.rpartition("@")[2].rpartition(":")[0])) / ".s.PGSQL.5432"))

    def postgres_url(self, url: str) -> str:
        """`url` with this proxy in the place of its server."""
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{self.port}"))

    def answer(self, status: int, *, when: bytes = b"", times: int = 1, body: object = None) -> None:
        """Answer the next HTTP requests ourselves, with the JSON error that BigQuery sends, or with `body`."""
        reason = _REASONS.get(status, "error")
        error = {"code": status, "message": f"{reason} (injected)", "errors": [{"reason": reason, "message": reason}]}
        content = json.dumps({"error": error} if body is None else body).encode()
        headers = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"

        def strike(connection: _Connection, sent: bytes) -> bool:
            connection.swallow_rest(sent)
            connection.client.sendall(headers.encode() + content)
            return False

        self._faults.append(_Fault(when, times, strike))

    def cut(self, *, when: bytes = b"", times: int = 1, after: int = 0) -> None:
        """Cut the connection once `after` bytes of the answer are through; 0: before the request reaches the server."""

        def strike(connection: _Connection, sent: bytes) -> bool:
            connection.left = after
            if not after:
                connection.close()
            return bool(after)

        self._faults.append(_Fault(when, times, strike))

    def delay(self, seconds: float, *, when: bytes = b"", times: int = 1) -> None:
        """Hold the request back for `seconds`."""
        self._faults.append(_Fault(when, times, lambda connection, sent: not self.closing.wait(seconds)))

    def call(self, action: Callable[[], None], *, when: bytes = b"", times: int = 1) -> None:
        """Run `action` in the moment that the request is there, before it reaches the server."""
        self._faults.append(_Fault(when, times, lambda connection, sent: action() is None))

    def refuse(self) -> None:
        """Cut every connection and refuse new ones, until `accept`."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all()

    def accept(self) -> None:
        """Listen again, on the same port."""
        self._listener = _listen(self.port)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut_all(self) -> None:
        """Cut the connections that are open now."""
        for connection in self.connections:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.refuse()

    def fault_for(self, sent: bytes) -> _Fault | None:
        """Take the next fault that waits for what a client sent."""
        with self._lock:
            for fault in self._faults:
                if fault.when in sent and fault.times > 0:
                    fault.times -= 1
                    self.struck += 1
                    return fault
        return None

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while not self.closing.is_set():
                client, _ = listener.accept()
                self.connections.append(_Connection(self, client))


class _Connection:
    """A client's connection and the one to the target; `left` is how many more bytes of the answer may pass."""

    def __init__(self, proxy: FaultProxy, client: socket.socket) -> None:
        self.proxy = proxy
        self.client = client
        self.left: int | None = None
        self.server = socket.socket(socket.AF_UNIX if isinstance(proxy.target, str) else socket.AF_INET)
        with suppress(OSError):
            self.server.connect(proxy.target)
        for passing in (self._pass_requests, self._pass_answers):
            threading.Thread(target=passing, daemon=True).start()

    def close(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def swallow_rest(self, sent: bytes) -> None:
        """Read the rest of an HTTP request of which `sent` is the beginning."""
        head, _, body = sent.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        missing = int(length[1]) - len(body) if length else 0
        while missing > 0 and (more := self.client.recv(65536)):
            missing -= len(more)

    def _pass_requests(self) -> None:
        with suppress(OSError):
            while sent := self.client.recv(65536):
                fault = self.proxy.fault_for(sent)
                if fault is None or fault.strike(self, sent):
                    self.server.sendall(sent)
        self.close()

    def _pass_answers(self) -> None:
        with suppress(OSError):
            while answer := self.server.recv(65536):
                self.client.sendall(answer if self.left is None else answer[: self.left])
                if self.left is not None:
                    self.left -= len(answer)
                    if self.left <= 0:
                        break
        self.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener

"""Clients that ask one server again and again over kept connections, in a process of their own.

`python -m bench.http_load` reads one JSON document from standard input (`port`, `path`, `key`,
`bodies`, `clients`, `seconds`) and prints `{"answers", "per_s", "ms": {"p50", "p95", "p99",
"max"}}`. SIGTERM ends it early. It speaks just enough HTTP to cost the machine little.
"""

from __future__ import annotations

import json
import selectors
import signal
import socket
import sys
import time
from itertools import cycle
from typing import Any

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Connection:
    """One client: it asks, waits for the whole answer, and asks the next."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._asked_at = 0.0
        self._received = b""
        self._wanted = -1

    def ask(self, request: bytes) -> None:
        """Send one request."""
        self._asked_at = time.perf_counter()
        self._received, self._wanted = b"", -1
        self.socket.sendall(request)

    def heard(self) -> float | None:
        """Seconds that the answer took, once it is whole. Raises RuntimeError unless it is 200."""
        piece = self.socket.recv(1 << 18)
        if not piece:
            raise RuntimeError("the server closed the connection")
        self._received = self._received + piece if self._received else piece
        if self._wanted < 0:
            end = self._received.find(_HEAD_END)
            if end < 0:
                return None
            head = self._received[:end].lower()
            if not head.startswith(b"http/1.1 200"):
                raise RuntimeError(self._received.decode(errors="replace")[:1000])
            start = head.index(_LENGTH) + len(_LENGTH)
            self._wanted = end + len(_HEAD_END) + int(head[start:].split(b"\r\n", 1)[0])
        return time.perf_counter() - self._asked_at if len(self._received) >= self._wanted else None


def drive(port: int, requests: list[bytes], clients: int, seconds: float) -> dict[str, Any]:
    """Ask from so many connections for so long; how it went."""
    chooser = selectors.DefaultSelector()
    asked = cycle(requests)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    for _ in range(clients):
        connection = Connection(port)
        chooser.register(connection.socket, selectors.EVENT_READ, connection)
        connection.ask(next(asked))
    taken = []
    started = time.perf_counter()
    while not stopped and time.perf_counter() - started < seconds:
        for event, _ in chooser.select(0.1):
            took = event.data.heard()
            if took is not None:
                taken.append(took * 1000)
                event.data.ask(next(asked))
    whole = time.perf_counter() - started
    return {
        "answers": len(taken),
        "per_s": round(len(taken) / whole),
        "ms": percentiles(sorted(taken)),
    }


def percentiles(ordered: list[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile and maximum of ascending values."""
    if not ordered:
        return {}
    at = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    found = {name: ordered[int(len(ordered) * share)] for name, share in at.items()}
    return {name: round(value, 2) for name, value in (found | {"max": ordered[-1]}).items()}


def request(path: str, key: str, body: dict[str, Any]) -> bytes:
    """A `POST` of JSON as it goes over the wire."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def main() -> None:
    asked = json.load(sys.stdin)
    requests = [request(asked["path"], asked["key"], body) for body in asked["bodies"]]
    print(json.dumps(drive(asked["port"], requests, asked["clients"], asked["seconds"])))


if __name__ == "__main__":
    main()

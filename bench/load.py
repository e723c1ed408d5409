"""A light load generator: a thread and one kept connection for every client."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

_HEAD_END = b"\r\n\r\n"
_CHUNK = 1 << 18
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: status, the head as it stands, the body."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value, empty when there is none."""
        for line in self.head.split(b"\r\n")[1:]:
            found, _, value = line.partition(b":")
            if found.lower() == name.encode():
                return value.strip().decode("latin-1")
        return ""


@dataclass(frozen=True, slots=True)
class Done:
    """One request: when it was answered (``time.monotonic()``), how long it took, its status."""

    at: float
    seconds: float
    status: int


@dataclass(frozen=True, slots=True)
class Load:
    """All requests of a run, and the CPU seconds that asking took this process."""

    done: list[Done]
    cpu: float


class Client:
    """A connection to the server on this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Reply:
        """Ask for a path. Raises ConnectionError when the server hangs up."""
        lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        data = b""
        while _HEAD_END not in data:
            data += self._received()
        head, _, body = data.partition(_HEAD_END)
        reply = Reply(int(head[9:12]), head, b"")
        missing = int(reply.header("content-length") or 0) - len(body)
        parts = [body]
        while missing > 0:
            parts.append(self._received())
            missing -= len(parts[-1])
        return Reply(reply.status, head, b"".join(parts))

    def _received(self) -> bytes:
        data = self._socket.recv(_CHUNK)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data

    def close(self) -> None:
        self._socket.close()


def get(port: int, path: str, headers: dict[str, str] | None = None) -> Reply:
    """Ask once, on a connection of its own."""
    client = Client(port)
    try:
        return client.get(path, headers)
    finally:
        client.close()


def run(port: int, paths: Iterable[str], *, clients: int, seconds: float | None = None) -> Load:
    """Ask for paths, each client its next one as soon as it has its last one.

    Ends when the paths are used up, or after ``seconds``.
    """
    until = time.monotonic() + (seconds or float("inf"))
    waiting = _Shared(iter(paths))
    started = time.process_time()
    with ThreadPoolExecutor(clients) as executor:
        runs = [executor.submit(_ask, port, waiting, until) for _ in range(clients)]
    done = [one for run in runs for one in run.result()]
    return Load(sorted(done, key=lambda one: one.at), time.process_time() - started)


def _ask(port: int, paths: _Shared, until: float) -> list[Done]:
    client = Client(port)
    done = []
    try:
        while time.monotonic() < until and (path := paths.next()) is not None:
            started = time.monotonic()
            status = client.get(path).status
            now = time.monotonic()
            done.append(Done(now, now - started, status))
    finally:
        client.close()
    return done


class _Shared:
    """An iterator that many threads take from."""

    def __init__(self, paths: Iterator[str]) -> None:
        self._paths = paths
        self._lock = threading.Lock()

    def next(self) -> str | None:
        with self._lock:
            return next(self._paths, None)

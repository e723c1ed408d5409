"""An HTTP server that does exactly what a test says, also what no server should do."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class Asked:
    """A request as it came: its target, and its headers by lower-case name."""

    method: str
    target: str
    headers: dict[str, str]


class HangUp:
    """End the connection: with all that was sent, or by a reset."""

    def __init__(self, *, reset: bool = False) -> None:
        self.reset = reset


# Bytes are sent, a number is slept (seconds), an event is waited for.
Step: TypeAlias = bytes | float | threading.Event | HangUp
Script: TypeAlias = Callable[[Asked], Iterable[Step]]


@dataclass
class ScriptedOrigin:
    """A server on an address of this machine; ``scripts`` say what it does, by target.

    What it was asked is in ``asked``, how many connections came in ``connections``.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    scripts: dict[str, Script] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.host, self.port))
        self._listener.listen(128)
        self.port = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    @property
    def targets(self) -> list[str]:
        return [asked.target for asked in self.asked]

    def put(self, target: str, body: bytes, **headers: str) -> None:
        """Answer with a body; ``etag=`` and ``last_modified=`` are compared with what is asked."""
        self.scripts[target] = lambda asked: [picture(asked, body, headers)]

    def says(self, target: str, *steps: Step) -> None:
        """Answer in these steps, whatever is asked."""
        self.scripts[target] = lambda _: steps

    def redirects(self, target: str, location: str, status: int = 302) -> None:
        self.says(target, head(status, {"location": location, "content-length": "0"}))

    def close(self) -> None:
        """Be gone: nobody is listening any more, and all connections end."""
        self._closing.set()
        # A thread that waits in accept is woken by this, and by nothing else everywhere.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        # A client that goes away is what many tests are about.
        with contextlib.suppress(OSError):
            wire = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
            with wire, wire.makefile("rb") as lines:
                while (asked := _request(lines)) and self._answer(wire, asked):
                    pass
        self._open.discard(connection)

    def _answer(self, wire: socket.socket, asked: Asked) -> bool:
        """Do what the script says; False when the connection shall end."""
        self.asked.append(asked)
        script = self.scripts.get(asked.target)
        for step in script(asked) if script else [head(404, {"content-length": "0"})]:
            if isinstance(step, HangUp):
                if step.reset:
                    linger = struct.pack("ii", 1, 0)
                    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return False
            if isinstance(step, bytes):
                wire.sendall(step)
            elif isinstance(step, float):
                time.sleep(step)
            else:
                assert step.wait(20)
        return True


def _request(lines: Iterable[bytes]) -> Asked | None:
    first = next(iter(lines), b"").decode("latin-1").split()
    if not first:
        return None
    headers = {}
    for line in lines:
        name, _, value = line.decode("latin-1").strip().partition(":")
        if not name:
            break
        headers[name.lower()] = value.strip()
    return Asked(first[0], first[1], headers)


def head(status: int, headers: dict[str, str]) -> bytes:
    """Write the head of an answer."""
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{n}: {v}" for n, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def picture(asked: Asked, body: bytes, headers: dict[str, str]) -> bytes:
    """Answer as a good server does: 304 to somebody who has it."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    etag, modified = said.get("etag"), said.get("last-modified")
    known = asked.headers.get("if-none-match")
    since = asked.headers.get("if-modified-since")
    if (known and known == etag) or (known is None and since and since == modified):
        return head(304, said)
    return head(200, {"content-length": str(len(body))} | said) + body


def chunked(*parts: bytes, end: bool = True) -> bytes:
    """Write a body in chunks (RFC 9112 §7.1); without ``end`` it is cut short."""
    written = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return written + (b"0\r\n\r\n" if end else b"")


@contextlib.contextmanager
def origin(
    host: str = "127.0.0.1", *, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[ScriptedOrigin]:
    """Give a scripted origin until the end of the block."""
    scripted = ScriptedOrigin(host, port, tls)
    try:
        yield scripted
    finally:
        scripted.close()

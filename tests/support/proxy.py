"""A proxy on loopback that does to requests and answers what networks and servers do at times.

It passes HTTP on between a client and one server, each request by itself, and writes down what
went through. A script says which answers are replaced, held back, changed or cut off.
"""

import http.client
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"

_OF_CONNECTION = frozenset(("connection", "keep-alive", "transfer-encoding"))
_NOTHING: list[tuple[str, str]] = []


@dataclass(frozen=True)
class Fault:
    """What happens to an answer.

    ``status`` replaces it by one of the proxy's own with ``body``; with ``applied`` the server does
    what was asked all the same. ``wait`` is how many seconds pass before the answer, ``headers``
    are changed in it (None: left out), ``flip`` changes the byte at that place. After ``cut`` bytes
    of the body the connection is ended; with ``reset`` by a reset, else in peace. ``cut`` of -1
    ends it before the first byte of the answer. ``drip`` is how many seconds each byte takes.
    """

    status: int | None = None
    body: bytes = b""
    applied: bool = False
    wait: float = 0.0
    headers: Mapping[str, str | None] = field(default_factory=dict)
    flip: int | None = None
    cut: int | None = None
    reset: bool = False
    drip: float = 0.0


SLOW_DOWN = Fault(503, _SLOW_DOWN)
INTERNAL_ERROR = Fault(500, b"<Error><Code>InternalError</Code></Error>")


@dataclass(frozen=True)
class Seen:
    """A request that arrived at the proxy, and the status it got (0: none)."""

    method: str
    path: str
    status: int


@dataclass
class _Rule:
    fault: Fault
    method: str
    path: re.Pattern[str]
    times: int


class Proxy:
    """Which faults are to come, and which requests have come."""

    def __init__(self, upstream: int) -> None:
        """Pass on to the server at a port of this machine."""
        self.upstream = upstream
        self.port = 0
        self.seen: list[Seen] = []
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def script(
        self, *faults: Fault, method: str = "", path: str = "", times: int = 1_000_000
    ) -> None:
        """Let faults befall the next requests of a method, a path (a pattern); each so often."""
        with self._lock:
            self._rules += [_Rule(fault, method, re.compile(path), times) for fault in faults]

    def heal(self) -> None:
        """Forget the script, and what was seen."""
        with self._lock:
            self._rules.clear()
            self.seen.clear()

    def count(self, method: str = "", path: str = "") -> int:
        """Count the requests that have come."""
        with self._lock:
            seen = list(self.seen)
        return sum(
            (not method or one.method == method) and bool(re.search(path, one.path)) for one in seen
        )

    def note(self, seen: Seen) -> None:
        with self._lock:
            self.seen.append(seen)

    def fault_for(self, method: str, path: str) -> Fault:
        with self._lock:
            for rule in self._rules:
                if rule.times and rule.method in ("", method) and rule.path.search(path):
                    rule.times -= 1
                    return rule.fault
        return Fault()


@contextmanager
def proxy_to(upstream: int) -> Iterator[Proxy]:
    """Run a proxy in front of a port of this machine."""

    class Handler(_Handler):
        pass

    with _Listener(("127.0.0.1", 0), Handler) as listener:
        Handler.proxy = Proxy(upstream)
        Handler.proxy.port = listener.server_port
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield Handler.proxy
        finally:
            listener.shutdown()
            thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are no news."""


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _relay(self) -> None:
        fault = self.proxy.fault_for(self.command, self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, data = 0, _NOTHING, b""
        if fault.status is None or fault.applied:
            status, headers, data = self._ask(body)
        if fault.status is not None:
            status, headers, data = fault.status, _NOTHING, fault.body
        self.proxy.note(Seen(self.command, self.path, 0 if fault.cut == -1 else status))
        time.sleep(fault.wait)
        self._answer(status, headers, data, fault)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _relay  # noqa: N815 - http.server's names

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.upstream, timeout=30)
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() != "connection":
                    connection.putheader(name, value)
            connection.putheader("Connection", "close")
            connection.endheaders(body or None)
            answer = connection.getresponse()
            # The length of an answer to HEAD is that of another body.
            kept = [(n, v) for n, v in answer.getheaders() if n.lower() not in _OF_CONNECTION]
            return answer.status, kept, answer.read()
        except OSError:
            return 502, [], b""
        finally:
            connection.close()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], data: bytes, fault: Fault
    ) -> None:
        if fault.cut == -1:
            self._end(fault)
            return
        if not any(name.lower() == "content-length" for name, _ in headers) and status != 204:
            headers = [*headers, ("Content-Length", str(len(data)))]
        changed = {name.lower() for name in fault.headers}
        headers = [(n, v) for n, v in headers if n.lower() not in changed]
        headers += [(n, v) for n, v in fault.headers.items() if v is not None]
        head = f"HTTP/1.1 {status} {http.client.responses.get(status, '')}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
        self.wfile.write(head.encode("latin-1"))
        if self.command == "HEAD":
            return
        if fault.flip is not None and fault.flip < len(data):
            data = data[: fault.flip] + bytes([data[fault.flip] ^ 1]) + data[fault.flip + 1 :]
        sent = data if fault.cut is None else data[: fault.cut]
        if fault.drip:
            for place in range(len(sent)):
                self.wfile.write(sent[place : place + 1])
                time.sleep(fault.drip)
        else:
            self.wfile.write(sent)
        if fault.cut is not None:
            self._end(fault)

    def _end(self, fault: Fault) -> None:
        if fault.reset:
            # Closing a socket that does not linger resets its connection.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.rfile.close()
            self.wfile.close()
            self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass

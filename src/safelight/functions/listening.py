"""A small server, for a platform that stands in front of it and starts it for a call.

It listens before anything is opened: what a call needs is made by the first that needs it, as its
credentials may come with it. Threads are enough, since the platform bounds how many calls there are
at a time and reads a request whole before it passes it on. Where strangers reach the process
itself, ``safelight serve`` belongs.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias

from safelight.errors import Busy, MethodNotAllowed, RequestError, SourceTooLarge
from safelight.events import allowed_origin
from safelight.functions.notices import handle
from safelight.functions.runtime import Runtime, shortened
from safelight.web.doors import failure
from safelight.web.exchange import Incoming, Response, document

log = logging.getLogger("safelight")

Headers: TypeAlias = Mapping[str, str]

# Longer than platforms keep a connection between two calls: they end it.
_IDLE_SECONDS = 650.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Platform:
    """What is particular to a platform.

    ``events``: the paths at which what it tells is believed; ``name``: the header with its id of a
    call; ``time``: the header with how long a call may take, in milliseconds, else it is
    ``seconds``, None for unknown. ``most_bytes``: what it carries of an answer's body. ``begin`` is
    given the headers of a call before anything else is done with it.
    """

    events: frozenset[str] = frozenset()
    name: str = "x-request-id"
    time: str = ""
    seconds: float | None = None
    most_bytes: int | None = None
    begin: Callable[[Headers], object] = lambda _: None

    def deadline(self, headers: Headers, received: float) -> float | None:
        """Say until when a call that was received at a time of ``time.monotonic()`` is answered."""
        limit = headers.get(self.time, "")
        seconds = int(limit) / 1_000 if limit.isascii() and limit.isdigit() else self.seconds
        return None if seconds is None else received + shortened(seconds)


def listen(runtime: Runtime, platform: Platform, *, port: int, at_once: int) -> None:
    """Serve on all addresses until SIGTERM or SIGINT, then finish what was begun.

    ``at_once``: how many calls are worked on at a time; others wait.
    """
    with Listener(runtime, platform, port=port, at_once=at_once) as listener:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: listener.stop())
        listener.serve_forever(_POLL_SECONDS)
        listener.finish(runtime.settings.server.grace_seconds)


class Listener(ThreadingHTTPServer):
    """The server; its port is ``server_port``."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, runtime: Runtime, platform: Platform, *, port: int, at_once: int) -> None:
        """Listen on all addresses; see ``listen``."""
        self.runtime = runtime
        self.platform = platform
        self.stopping = False
        self._room = threading.BoundedSemaphore(at_once)
        self._calls = 0
        self._changed = threading.Condition()
        super().__init__(("0.0.0.0", port), _Call)  # noqa: S104 - platforms ask for it

    def stop(self) -> None:
        """Take no more calls; may be called by a signal."""
        self.stopping = True
        # It waits for the loop that it ends.
        threading.Thread(target=self.shutdown).start()

    def finish(self, seconds: float) -> None:
        """Wait for the calls that were begun."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._calls == 0, seconds):
                log.warning("stopped with %d calls unfinished", self._calls)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Keep the process alive until a call is answered."""
        with self._changed:
            self._calls += 1
        try:
            yield
        finally:
            with self._changed:
                self._calls -= 1
                self._changed.notify_all()

    @contextmanager
    def turn(self, deadline: float | None) -> Iterator[None]:
        """Wait until there is room for a call. Raises Busy."""
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not self._room.acquire(timeout=left):
            raise Busy("too much is being done at the moment: try again shortly")
        try:
            yield
        finally:
            self._room.release()


class _Call(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1

    def _answered(self) -> None:
        with self.server.call():
            self._write(self._response())

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answered  # noqa: N815 - http.server's names

    def _response(self) -> Response:
        received, platform = time.monotonic(), self.server.platform
        headers = {name.lower(): value for name, value in self.headers.items()}
        deadline = platform.deadline(headers, received)
        try:
            body = self._body(headers)
            platform.begin(headers)
            path, _, query = self.path.partition("?")
            with self.server.turn(deadline):
                if path not in platform.events:
                    return self._picture(path, query, body, headers, deadline)
                response = self._event(body, headers, deadline)
        except Exception as error:  # noqa: BLE001 - a face answers whatever happens; failure logs it
            response = failure(error)
        return Response(response.status, response.complete(), response.body, [])

    def _body(self, headers: Headers) -> bytes:
        # Who passed it on may have believed another of several.
        length, *others = self.headers.get_all("content-length", ["0"])
        plain = length.isascii() and length.isdigit() and not others
        if "transfer-encoding" in headers or not plain:
            self.close_connection = True
            raise RequestError("send Content-Length, and the body as it is")
        try:
            self.server.runtime.settings.limits.check_bytes(int(length))
        except SourceTooLarge:
            self.close_connection = True
            raise
        return self.rfile.read(int(length))

    def _event(self, body: bytes, headers: Headers, deadline: float | None) -> Response:
        if self.command == "OPTIONS":
            allowed = [(n.lower().encode(), v.encode()) for n, v in allowed_origin(headers).items()]
            return Response(200, allowed)
        if self.command != "POST":
            raise MethodNotAllowed(f"the method {self.command} is not allowed: use POST")
        name = headers.get(self.server.platform.name, "")
        return document(handle(self.server.runtime, body, headers, name=name, deadline=deadline))

    def _picture(
        self, path: str, query: str, body: bytes, headers: Headers, deadline: float | None
    ) -> Response:
        raw, asked = path.encode("latin-1"), query.encode("latin-1")
        lines = [(n.lower().encode(), v.encode("latin-1")) for n, v in self.headers.items()]
        return self.server.runtime.answer(
            lambda: Incoming.of(self.command, raw, asked, "", lines),
            body,
            given=headers.get("x-request-id", ""),
            name=headers.get(self.server.platform.name, ""),
            deadline=deadline,
            most_bytes=self.server.platform.most_bytes,
        )

    def _write(self, response: Response) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers:
            self.send_header(name.decode("latin-1"), value.decode("latin-1"))
        if self.server.stopping or self.close_connection:
            self.send_header("connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Leave it to the runtime, which logs calls as everywhere."""


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

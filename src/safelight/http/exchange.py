"""A request over ASGI as it comes, and a response as it is sent."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote, unquote

from safelight.errors import BodyTooSlow, Busy, EmptyBody
from safelight.limits import Limits
from safelight.storage import Opened, anonymous_file
from safelight.web.exchange import Incoming, Response

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# What an address may hold without being encoded (RFC 3986 §3.3).
_AS_IT_IS = "/~!$&'()*+,;=:@"


def incoming(scope: Scope) -> Incoming:
    """Read an ASGI scope. Raises AddressTooLong."""
    return Incoming.of(
        scope["method"],
        scope.get("raw_path") or _written(scope),
        scope.get("query_string", b""),
        scope.get("root_path", ""),
        scope["headers"],
    )


def _written(scope: Scope) -> bytes:
    """Give the path as it was sent, where the server does not: encoded anew, if need be.

    A bridge from WSGI hands its environment on, in which most servers have the address as it came.
    """
    environ = scope.get("wsgi_environ", {})
    for name in ("REQUEST_URI", "RAW_URI"):
        raw: str = environ.get(name, "").partition("?")[0]
        if unquote(raw) == scope["path"]:
            return raw.encode("latin-1")
    return quote(scope["path"], safe=_AS_IT_IS).encode()


async def respond(send: Send, response: Response, *, head: bool, closing: bool) -> None:
    """Send a response; of a HEAD request all but the body. ``closing``: it is the last one here."""
    headers = response.complete()
    if closing:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    body = b"" if head else response.body
    await send({"type": "http.response.body", "body": body, "more_body": False})


class Uploads:
    """Bodies that are being received or worked on, bounded together.

    Each one is bounded by itself, but many at once would fill the memory all the same.
    """

    def __init__(self, limits: Limits, *, seconds: float, most_bytes: int) -> None:
        """Let one body take ``seconds`` to arrive, and all together hold ``most_bytes``."""
        self._limits = limits
        self._seconds = seconds
        self._room = most_bytes
        self._lock = threading.Lock()

    async def receive(self, incoming: Incoming, receive: Receive) -> Opened:
        """Receive a body into anonymous memory; give it to ``release`` when it is done with.

        The server underneath has no time limit for bodies: without one here, half-sent bodies
        would hold their connections for ever. Raises EmptyBody, SourceTooLarge, BodyTooSlow, Busy.
        """
        announced = incoming.header(b"content-length")
        if announced.isdigit():
            self._limits.check_bytes(int(announced))
        deadline = time.monotonic() + self._seconds
        descriptor = anonymous_file()
        size = 0
        try:
            async for chunk in _chunks(receive, deadline):
                self._limits.check_bytes(size + len(chunk))
                self._take(len(chunk))
                size += len(chunk)
                view = memoryview(chunk)
                while view:
                    view = view[os.write(descriptor, view) :]
            if size == 0:
                raise EmptyBody("send the image itself as the body of the request")
            return Opened(descriptor, version="upload")
        except BaseException:
            os.close(descriptor)
            self._take(-size)
            raise

    def release(self, body: Opened) -> None:
        """Close a body and give its room back."""
        body.close()
        self._take(-body.size)

    def _take(self, size: int) -> None:
        with self._lock:
            if size > self._room:
                raise Busy("too many images are being received at the moment: try again shortly")
            self._room -= size


async def received(receive: Receive, *, seconds: float, check: Callable[[int], None]) -> bytes:
    """Receive a small body; ``check`` refuses a size by raising. Raises BodyTooSlow."""
    deadline = time.monotonic() + seconds
    body = b""
    async for chunk in _chunks(receive, deadline):
        check(len(body) + len(chunk))
        body += chunk
    return body


async def _chunks(receive: Receive, deadline: float) -> Any:
    more = True
    while more:
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                message = await receive()
        except TimeoutError:
            raise BodyTooSlow("the body did not arrive in time") from None
        if message["type"] == "http.disconnect":
            raise BodyTooSlow("the connection was closed before the body was complete")
        yield message.get("body", b"")
        more = message.get("more_body", False)

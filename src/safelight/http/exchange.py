"""A request as it came and a response as it goes, without meaning."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from safelight.errors import AddressTooLong, BodyTooSlow, Busy, EmptyBody, SafelightError
from safelight.limits import Limits
from safelight.observe import current
from safelight.storage import Opened, anonymous_file

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

MAX_ADDRESS = 8_000
# What an address may hold without being encoded (RFC 3986 §3.3).
_AS_IT_IS = "/~!$&'()*+,;=:@"
_ASCII = "".join(map(chr, range(128)))
# An image opened by itself runs nothing, loads nothing, and is what its Content-Type says.
_GUARD: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    (b"cross-origin-resource-policy", b"cross-origin"),
]
NO_STORE = (b"cache-control", b"no-store")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request: method, path and query still percent-encoded, headers by lower-case name.

    ``signed``: its address had a good signature, which is off; ``seconds_left`` is how long that
    holds, None for ever.
    """

    method: str
    path: str
    query: str
    root: str
    headers: dict[bytes, bytes]
    receive: Receive
    signed: bool = False
    seconds_left: float | None = None

    @classmethod
    def of(cls, scope: Scope, receive: Receive) -> Incoming:
        """Read an ASGI scope. Raises AddressTooLong."""
        raw: bytes = scope.get("raw_path") or _written(scope)
        query: bytes = scope.get("query_string", b"")
        if len(raw) + len(query) > MAX_ADDRESS:
            raise AddressTooLong(f"an address may have {MAX_ADDRESS} characters")
        if not raw.isascii():
            # Typed by hand, as curl sends it on: what a browser would have encoded.
            raw = quote(raw, safe=_ASCII).encode()
        path = raw.partition(b"?")[0].decode("latin-1")
        root: str = scope.get("root_path", "")
        for prefix in (root, quote(root)) if root else ():
            if path.startswith(f"{prefix}/"):
                path = path[len(prefix) :]
                break
        headers = dict(scope["headers"])
        if len(headers) < len(scope["headers"]):
            headers = _joined(scope["headers"])
        return cls(scope["method"], path, query.decode("latin-1"), root, headers, receive)

    def header(self, name: bytes) -> str:
        """Return a header's value, empty when it was not sent."""
        return self.headers.get(name, b"").decode("latin-1")


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


def _joined(pairs: Headers) -> dict[bytes, bytes]:
    """Put header lines of the same name together (RFC 9110 §5.3)."""
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


@dataclass(frozen=True, slots=True)
class Response:
    """A status, headers beyond the usual, and a body."""

    status: int
    headers: Headers
    body: bytes = b""
    guard: Headers = field(default_factory=lambda: _GUARD)


async def respond(send: Send, response: Response, *, head: bool, closing: bool) -> None:
    """Send a response; of a HEAD request all but the body. ``closing``: it is the last one here."""
    headers = [*response.headers, *response.guard, (b"x-request-id", current().id.encode())]
    if closing:
        headers.append((b"connection", b"close"))
    if response.status != 304:
        headers.append((b"content-length", b"%d" % len(response.body)))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    body = b"" if head else response.body
    await send({"type": "http.response.body", "body": body, "more_body": False})


def problem(error: SafelightError, extra: Headers | None = None) -> Response:
    """Write an error as RFC 9457 problem details, with the id under which the log has it."""
    request = current()
    request.code = error.code
    details = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        "retryable": error.retryable,
        "request_id": request.id,
    }
    headers = [(b"content-type", b"application/problem+json"), NO_STORE, *(extra or [])]
    if error.retry_after_seconds is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after_seconds))
    return Response(error.status, headers, json.dumps(details).encode() + b"\n")


def document(value: object, status: int = 200) -> Response:
    """Write a JSON answer that is not to be kept."""
    body = json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"
    return Response(status, [(b"content-type", b"application/json"), NO_STORE], body)


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

    async def receive(self, incoming: Incoming) -> Opened:
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
            async for chunk in _chunks(incoming.receive, deadline):
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

"""A request as it came and a response as it goes, without meaning."""

from __future__ import annotations

import json
from urllib.parse import quote

import msgspec

from safelight.errors import AddressTooLong, MethodNotAllowed, SafelightError
from safelight.observe import current
from safelight.signing import TOLERANCE_SECONDS

Headers = list[tuple[bytes, bytes]]

MAX_ADDRESS = 8_000
_ASCII = "".join(map(chr, range(128)))
# An image opened by itself runs nothing, loads nothing, and is what its Content-Type says.
_GUARD: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    (b"cross-origin-resource-policy", b"cross-origin"),
]
NO_STORE = (b"cache-control", b"no-store")


class Incoming(msgspec.Struct, frozen=True):
    """A request: method, path and query still percent-encoded, headers by lower-case name.

    ``root`` is where the service is mounted, which ``path`` is without. ``signed``: its address had
    a good signature, which is off; ``seconds_left`` is how long that holds, None for ever, less
    than 0 while it does only because clocks differ.
    """

    method: str
    path: str
    query: str
    root: str
    headers: dict[bytes, bytes]
    signed: bool = False
    seconds_left: float | None = None

    @property
    def accepted_seconds(self) -> float | None:
        """How long the same address will be answered; None for ever."""
        return None if self.seconds_left is None else self.seconds_left + TOLERANCE_SECONDS

    @classmethod
    def of(cls, method: str, raw: bytes, query: bytes, root: str, headers: Headers) -> Incoming:
        """Read a request: ``raw`` is its path as it was sent. Raises AddressTooLong."""
        if len(raw) + len(query) > MAX_ADDRESS:
            raise AddressTooLong(f"an address may have {MAX_ADDRESS} characters")
        if not raw.isascii():
            # Typed by hand, as curl sends it on: what a browser would have encoded.
            raw = quote(raw, safe=_ASCII).encode()
        path = raw.partition(b"?")[0].decode("latin-1")
        for prefix in (root, quote(root)) if root else ():
            if path.startswith(f"{prefix}/"):
                path = path[len(prefix) :]
                break
        named = dict(headers)
        if len(named) < len(headers):
            named = _joined(headers)
        return cls(method, path, query.decode("latin-1"), root, named)

    def header(self, name: bytes) -> str:
        """Return a header's value, empty when it was not sent."""
        return self.headers.get(name, b"").decode("latin-1")

    def allow(self, *methods: str) -> None:
        """Refuse all methods but these. Raises MethodNotAllowed."""
        if self.method not in methods:
            raise MethodNotAllowed(
                f"the method {self.method[:20]} is not allowed: use {', '.join(methods)}"
            )


def _joined(pairs: Headers) -> dict[bytes, bytes]:
    """Put header lines of the same name together (RFC 9110 §5.3)."""
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


class Response(msgspec.Struct, frozen=True):
    """A status, headers beyond the usual, and a body."""

    status: int
    headers: Headers
    body: bytes = b""
    guard: Headers = msgspec.field(default_factory=lambda: _GUARD)

    def complete(self) -> Headers:
        """Give all headers: the guard on every answer, the request's id, the body's length."""
        headers = [*self.headers, *self.guard, (b"x-request-id", current().id.encode())]
        if self.status != 304:
            headers.append((b"content-length", b"%d" % len(self.body)))
        return headers


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

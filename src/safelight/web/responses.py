"""Responses to requests for pictures, and for what is known of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from safelight.config import Settings
from safelight.dialects import Match
from safelight.dialects.grammar import read_key, read_query
from safelight.errors import RangeInvalid, TransformInvalid
from safelight.formats import BY_NAME
from safelight.negotiate import byte_range, http_date, matches, not_modified_since
from safelight.operations import PARAMETERS
from safelight.picture import Rendering
from safelight.service import Answer, Info, Located, Service
from safelight.transform import Transform
from safelight.variants import cache_tags
from safelight.web.addresses import Addresses
from safelight.web.exchange import NO_STORE, Headers, Incoming, Response, problem
from safelight.web.redirects import Redirects

_CACHE_NAME = "Safelight"

# A match, Accept, a path that the variant may be kept under, which ETags the viewer knows.
Asked = tuple[Match, str, str, Callable[[str], bool] | None]


class Responses:
    """Read what is asked of pictures, and write what a service answers."""

    def __init__(self, service: Service, addresses: Addresses, settings: Settings) -> None:
        """Write what a service makes of addresses."""
        self._service = service
        self._by_path = service.variants.by_path
        self._addresses = addresses
        max_age = settings.server.max_age
        self._cache_control = (b"cache-control", b"public, max-age=%d" % max_age)
        self._redirects = Redirects(
            settings.variants.redirect_status, max_age, service.delivery.most_seconds
        )
        self._tagged = settings.variants.cache_tags

    def asked(self, incoming: Incoming) -> Asked:
        """Read the address of a variant. Raises RequestError, NotFound, Forbidden."""
        wanted = self._addresses.match(incoming)
        accept, tags = incoming.header(b"accept"), incoming.header(b"if-none-match")
        path = self._addresses.path(incoming) if self._by_path else ""
        return wanted, accept, path, partial(matches, tags) if tags else None

    def known(self, located: Located) -> Response:
        """Tell a viewer that what it has is the picture."""
        return Response(304, self._validators(located))

    def picture(self, incoming: Incoming, answer: Answer, *, collapsed: bool = False) -> Response:
        """Send a picture, a part of it, or its viewer to it; ``collapsed``: another asked first."""
        status = [
            (b"cache-status", _cache_status(answer, collapsed=collapsed)),
            (b"server-timing", answer.timings.header().encode()),
        ]
        if answer.location:
            status += self._dependent(answer.located)
            answer = replace(answer, location=self._location(incoming, answer))
            return self._redirects.response(answer, status, hit=answer.cached and not collapsed)
        headers = [
            *self._validators(answer.located),
            (b"content-type", answer.mime.encode()),
            (b"last-modified", http_date(int(answer.made)).encode()),
            (b"accept-ranges", b"bytes"),
            *status,
        ]
        since = incoming.header(b"if-modified-since")
        unconditional = b"if-none-match" in incoming.headers
        if since and not unconditional and not_modified_since(since, answer.made):
            return Response(304, headers)
        return _ranged(incoming, answer, headers)

    def _location(self, incoming: Incoming, answer: Answer) -> str:
        """Say where a picture is, for no longer than its own address is answered."""
        delivery, within = self._service.delivery, incoming.accepted_seconds
        # What many ask for is made, and signed for, once; but each has an expiry of their own.
        if within is None or delivery.public_url:
            return answer.location
        store, path = self._service.variants.store, answer.located.variant.path
        return delivery.location(store, path, within=within) or answer.location

    def _validators(self, located: Located) -> Headers:
        etag = (b"etag", located.variant.etag.encode())
        return [etag, self._cache_control, *self._dependent(located)]

    def _dependent(self, located: Located) -> Headers:
        """Tell caches what the answer depends on."""
        headers: Headers = [(b"vary", b"Accept")] if located.depends_on_accept else []
        if self._tagged:
            tags = cache_tags(located.key, located.presets)
            headers.append((b"cache-tag", ",".join(tags).encode()))
            headers.append((b"surrogate-key", " ".join(tags).encode()))
        return headers

    def upload(self, incoming: Incoming) -> Transform:
        """Read what ``POST /resize`` asks for. Raises TransformInvalid, Forbidden."""
        transform = _upload_transform(incoming.query)
        self._addresses.check(incoming, Match("", transform))
        return transform

    def info(self, incoming: Incoming) -> tuple[str, bool]:
        """Read ``/info/{key}``: the key, and whether ``?analyse`` asks for its looks.

        Raises RequestError, Forbidden.
        """
        key = read_key(incoming.path.removeprefix("/info/"))
        self._addresses.check(incoming, Match(key, Transform()))
        return key, "analyse" in read_query(incoming.query, ("analyse",))


def resized(made: Rendering) -> Response:
    """Send what ``POST /resize`` has made."""
    name = f"inline; filename=resized_{made.width}x{made.height}.jpg"
    headers = [
        (b"content-type", made.mime.encode()),
        (b"content-disposition", name.encode()),
        (b"x-original-size", f"{made.source_width}x{made.source_height}".encode()),
        (b"x-resized-size", f"{made.width}x{made.height}".encode()),
        NO_STORE,
    ]
    return Response(200, headers, made.data)


def described(info: Info) -> dict[str, Any]:
    """Describe a source for people and programs."""
    header = msgspec.to_builtins(info.header)
    width, height = info.header.shown
    return {
        "key": info.key,
        "width": width,
        "height": height,
        "format": header["format"],
        "type": BY_NAME[info.header.format].mime,
        "bytes": info.size,
        "mode": header["space"],
        "bands": header["bands"],
        "depth": 8 * info.header.depth,
        "alpha": header["alpha"],
        "palette": header["palette"],
        "progressive": info.header.progressive,
        "orientation": header["orientation"],
        "pages": header["pages"],
        "profile": header["profile"],
        "version": info.version,
        **(msgspec.to_builtins(info.analysis) if info.analysis else {}),
    }


def _cache_status(answer: Answer, *, collapsed: bool) -> bytes:
    """Write Cache-Status (RFC 9211 §2)."""
    if answer.cached and not collapsed:
        return f"{_CACHE_NAME}; hit".encode()
    parts = [_CACHE_NAME, "fwd=uri-miss"]
    parts += ["stored"] if answer.stored else []
    parts += ["collapsed"] if collapsed else []
    return "; ".join(parts).encode()


def _ranged(incoming: Incoming, answer: Answer, headers: Headers) -> Response:
    """Send the part that is asked for (RFC 9110 §14), or all."""
    asked = incoming.header(b"range")
    condition = incoming.header(b"if-range")
    if not asked or (condition and condition != answer.located.variant.etag):
        return Response(200, headers, answer.data)
    size = len(answer.data)
    try:
        part = byte_range(asked, size)
    except RangeInvalid as error:
        return problem(error, [(b"content-range", b"bytes */%d" % size)])
    if part is None:
        return Response(200, headers, answer.data)
    start, end = part
    headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, size)))
    return Response(206, headers, answer.data[start:end])


def _upload_transform(query: str) -> Transform:
    given = {"width": "300", "height": "300", "quality": "85"}
    given |= {n: v for n, v in read_query(query, ("width", "height", "quality")).items() if v}
    values = {}
    for name, parameter in (("width", "w"), ("height", "h"), ("quality", "quality")):
        try:
            values[parameter] = PARAMETERS[parameter].kind.parse(given[name])
        except ValueError as expected:
            raise TransformInvalid(
                f"{name}={given[name][:40]!r} is not valid: expected {expected}"
            ) from None
    return Transform.of(**values, fit="inside", format="jpeg")

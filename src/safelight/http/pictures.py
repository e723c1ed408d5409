"""Answers that are pictures, and what is known of them."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

from safelight.config import Settings
from safelight.dialects import Match
from safelight.dialects.grammar import read_key, read_query
from safelight.errors import DeadlineExceeded, RangeInvalid, TransformInvalid
from safelight.formats import BY_NAME
from safelight.http.addresses import Addresses
from safelight.http.exchange import (
    NO_STORE,
    Headers,
    Incoming,
    Response,
    Uploads,
    document,
    problem,
)
from safelight.http.redirects import Redirects
from safelight.negotiate import byte_range, http_date, matches, not_modified_since
from safelight.observe import current
from safelight.operations import PARAMETERS
from safelight.service import Answer, Found, Info, Located, Service
from safelight.transform import Transform
from safelight.variants import cache_tags

# A render is killed at its deadline; its message still has to come through.
_GRACE_SECONDS = 2.0
# How many of the largest bodies are held in memory together.
_UPLOADS_AT_ONCE = 4
_CACHE_NAME = "Safelight"

_Result = TypeVar("_Result")


class Pictures:
    """Answer requests for variants, uploads and facts."""

    def __init__(self, service: Service, addresses: Addresses, settings: Settings) -> None:
        """Answer with what a service makes of addresses."""
        self._service = service
        self._addresses = addresses
        max_age = settings.server.max_age
        self._cache_control = (b"cache-control", b"public, max-age=%d" % max_age)
        self._redirects = Redirects(
            settings.variants.redirect_status, max_age, service.delivery.most_seconds
        )
        self._tagged = settings.variants.cache_tags
        limits = service.limits
        self._uploads = Uploads(
            limits,
            seconds=settings.server.body_seconds,
            most_bytes=_UPLOADS_AT_ONCE * limits.source_bytes,
        )

    async def variant(self, incoming: Incoming) -> Response:
        """Answer an address of any dialect."""
        deadline = self._deadline()
        wanted = self._addresses.match(incoming)
        found, collapsed = await self._find(incoming, wanted, deadline), False
        if found.known:
            return Response(304, self._validators(found.located))
        answer, request = found.answer, current()
        request.cache = "miss" if answer is None else "hit"
        if answer is None:
            flight, collapsed = self._service.submit(found.located, deadline=deadline)
            request.cache = "shared" if collapsed else "miss"
            answer = await finished(flight, deadline)
        request.timings = answer.timings
        return self._picture(incoming, answer, collapsed=collapsed)

    async def _find(self, incoming: Incoming, wanted: Match, deadline: float) -> Found:
        """Look for a variant: here where that is no waiting, else beside."""
        accept, tags = incoming.header(b"accept"), incoming.header(b"if-none-match")
        path = self._addresses.path(incoming) if self._service.variants.by_path else ""
        known = partial(matches, tags) if tags else None
        if self._service.local:
            return self._service.find(wanted, accept, path=path, known=known)
        asked = self._service.submit_find(wanted, accept, path=path, known=known)
        return await finished(asked, deadline)

    def _picture(self, incoming: Incoming, answer: Answer, *, collapsed: bool) -> Response:
        told = [
            (b"cache-status", _cache_status(answer, collapsed=collapsed)),
            (b"server-timing", answer.timings.header().encode()),
        ]
        if answer.location:
            told += self._dependent(answer.located)
            return self._redirects.response(answer, told, hit=answer.cached and not collapsed)
        headers = [
            *self._validators(answer.located),
            (b"content-type", answer.mime.encode()),
            (b"last-modified", http_date(int(answer.made)).encode()),
            (b"accept-ranges", b"bytes"),
            *told,
        ]
        since = incoming.header(b"if-modified-since")
        unconditional = b"if-none-match" in incoming.headers
        if since and not unconditional and not_modified_since(since, answer.made):
            return Response(304, headers)
        return _ranged(incoming, answer, headers)

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

    async def upload(self, incoming: Incoming) -> Response:
        """Answer ``POST /resize`` with the body as a JPEG that fits inside width and height."""
        transform = _upload_transform(incoming.query)
        self._addresses.check(incoming, Match("", transform))
        source = await self._uploads.receive(incoming)
        deadline = self._deadline()
        try:
            flight = self._service.submit_upload(source, transform, deadline=deadline)
        except BaseException:
            self._uploads.release(source)
            raise
        # The body is let go when the work ends, not when the viewer stops waiting.
        flight.add_done_callback(lambda _: self._uploads.release(source))
        made = await finished(flight, deadline)
        name = f"inline; filename=resized_{made.width}x{made.height}.jpg"
        headers = [
            (b"content-type", made.mime.encode()),
            (b"content-disposition", name.encode()),
            (b"x-original-size", f"{made.source_width}x{made.source_height}".encode()),
            (b"x-resized-size", f"{made.width}x{made.height}".encode()),
            NO_STORE,
        ]
        return Response(200, headers, made.data)

    async def info(self, incoming: Incoming) -> Response:
        """Answer ``/info/{key}``, with ``?analyse`` also what the picture looks like."""
        key = read_key(incoming.path.removeprefix("/info/"))
        self._addresses.check(incoming, Match(key, Transform()))
        deadline = self._deadline()
        if "analyse" not in read_query(incoming.query, ("analyse",)):
            asked = self._service.submit_info(key, deadline=deadline)
            return document(described(await finished(asked, deadline)))
        version = None
        if not self._service.local:
            version = await finished(self._service.submit_version(key), deadline)
        flight = self._service.submit_analysis(key, version=version, deadline=deadline)
        return document(described(await finished(flight, deadline)))

    def _deadline(self) -> float:
        return time.monotonic() + self._service.limits.seconds


def described(info: Info) -> dict[str, Any]:
    """Describe a source for people and programs."""
    header = asdict(info.header)
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
        **(asdict(info.analysis) if info.analysis else {}),
    }


async def finished(flight: Future[_Result], deadline: float) -> _Result:
    """Wait for work that others may be waiting for too. Raises DeadlineExceeded."""
    result = asyncio.wrap_future(flight)
    # Somebody who no longer waits does not hear of a failure; it is not lost on the others.
    result.add_done_callback(lambda result: result.cancelled() or result.exception())
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic()) + _GRACE_SECONDS):
            return await asyncio.shield(result)
    except TimeoutError:
        raise DeadlineExceeded("the picture was not ready in time: try again") from None


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

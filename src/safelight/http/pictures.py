"""Answers that are pictures, and what is known of them."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any, TypeVar

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
from safelight.negotiate import byte_range, http_date, matches, not_modified_since
from safelight.operations import PARAMETERS
from safelight.service import Answer, Info, Located, Service
from safelight.transform import Transform

# A render is killed at its deadline; its message still has to come through.
_GRACE_SECONDS = 2.0
# How many of the largest bodies are held in memory together.
_UPLOADS_AT_ONCE = 4
_CACHE_NAME = "Safelight"

_Result = TypeVar("_Result")


class Pictures:
    """Answer requests for variants, uploads and facts."""

    def __init__(
        self, service: Service, addresses: Addresses, *, max_age: int, body_seconds: float
    ) -> None:
        """``max_age``: seconds that a browser may keep a picture; ``body_seconds``: see config."""
        self._service = service
        self._addresses = addresses
        self._cache_control = (b"cache-control", b"public, max-age=%d" % max_age)
        limits = service.limits
        self._uploads = Uploads(
            limits, seconds=body_seconds, most_bytes=_UPLOADS_AT_ONCE * limits.source_bytes
        )

    async def variant(self, incoming: Incoming) -> Response:
        """Answer an address of any dialect."""
        deadline = self._deadline()
        wanted = self._addresses.match(incoming)
        located = self._service.locate(wanted, incoming.header(b"accept"))
        if_none_match = incoming.header(b"if-none-match")
        if if_none_match and matches(if_none_match, located.variant.etag):
            return Response(304, self._validators(located))
        answer, collapsed = self._service.lookup(located), False
        if answer is None:
            flight, collapsed = self._service.submit(located, deadline=deadline)
            answer = await finished(flight, deadline)
        return self._picture(incoming, answer, collapsed=collapsed)

    def _picture(self, incoming: Incoming, answer: Answer, *, collapsed: bool) -> Response:
        headers = [
            *self._validators(answer.located),
            (b"content-type", answer.mime.encode()),
            (b"last-modified", http_date(int(answer.made)).encode()),
            (b"accept-ranges", b"bytes"),
            (b"cache-status", _cache_status(answer, collapsed=collapsed)),
            (b"server-timing", answer.timings.header().encode()),
        ]
        since = incoming.header(b"if-modified-since")
        unconditional = b"if-none-match" in incoming.headers
        if since and not unconditional and not_modified_since(since, answer.made):
            return Response(304, headers)
        return _ranged(incoming, answer, headers)

    def _validators(self, located: Located) -> Headers:
        headers = [(b"etag", located.variant.etag.encode()), self._cache_control]
        if located.depends_on_accept:
            headers.append((b"vary", b"Accept"))
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
        looks = "analyse" in read_query(incoming.query, ("analyse",))
        submit = self._service.submit_analysis if looks else self._service.submit_info
        return document(described(await finished(submit(key, deadline=deadline), deadline)))

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

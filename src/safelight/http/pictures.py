"""Pictures are asked for here, and waited for without holding up others."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from typing import TypeVar

from safelight.config import Settings
from safelight.errors import DeadlineExceeded
from safelight.http.exchange import Receive, Uploads
from safelight.observe import current
from safelight.service import Service
from safelight.web.exchange import Incoming, Response, document
from safelight.web.responses import Responses, described, resized

# A render is killed at its deadline; its message still has to come through.
_GRACE_SECONDS = 2.0
# How many of the largest bodies are held in memory together.
_UPLOADS_AT_ONCE = 4

_Result = TypeVar("_Result")


class Pictures:
    """Answer requests for variants, uploads and facts."""

    def __init__(self, service: Service, responses: Responses, settings: Settings) -> None:
        """Answer with what a service makes of addresses."""
        self._service = service
        self._responses = responses
        limits = service.limits
        self._uploads = Uploads(
            limits,
            seconds=settings.server.body_seconds,
            most_bytes=_UPLOADS_AT_ONCE * limits.source_bytes,
        )

    async def variant(self, incoming: Incoming) -> Response:
        """Answer an address of any dialect."""
        service, deadline = self._service, self._deadline()
        wanted, accept, path, known = self._responses.asked(incoming)
        # Looked for here where that is no waiting, else beside.
        if service.local:
            found = service.find(wanted, accept, path=path, known=known)
        else:
            looking = service.submit_find(wanted, accept, path=path, known=known)
            found = await finished(looking, deadline)
        if found.known:
            return self._responses.known(found.located)
        answer, request, collapsed = found.answer, current(), False
        request.cache = "miss" if answer is None else "hit"
        if answer is None:
            flight, collapsed = service.submit(found.located, deadline=deadline)
            request.cache = "shared" if collapsed else "miss"
            answer = await finished(flight, deadline)
        request.timings = answer.timings
        return self._responses.picture(incoming, answer, collapsed=collapsed)

    async def upload(self, incoming: Incoming, receive: Receive) -> Response:
        """Answer ``POST /resize`` with the body as a JPEG that fits inside width and height."""
        transform = self._responses.upload(incoming)
        source = await self._uploads.receive(incoming, receive)
        deadline = self._deadline()
        try:
            flight = self._service.submit_upload(source, transform, deadline=deadline)
        except BaseException:
            self._uploads.release(source)
            raise
        # The body is let go when the work ends, not when the viewer stops waiting.
        flight.add_done_callback(lambda _: self._uploads.release(source))
        return resized(await finished(flight, deadline))

    async def info(self, incoming: Incoming) -> Response:
        """Answer ``/info/{key}``, with ``?analyse`` also what the picture looks like."""
        key, analyse = self._responses.info(incoming)
        deadline = self._deadline()
        if not analyse:
            asked = self._service.submit_info(key, deadline=deadline)
            return document(described(await finished(asked, deadline)))
        version = None
        if not self._service.local:
            version = await finished(self._service.submit_version(key), deadline)
        flight = self._service.submit_analysis(key, version=version, deadline=deadline)
        return document(described(await finished(flight, deadline)))

    def _deadline(self) -> float:
        return time.monotonic() + self._service.limits.seconds


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

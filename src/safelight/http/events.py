"""Notifications are received here, and worked on without holding up others."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from safelight.errors import Busy
from safelight.http.exchange import Receive, received
from safelight.web.events import Events, check_size
from safelight.web.exchange import Incoming, Response

log = logging.getLogger("safelight")

# Senders have queues of their own, and come again; some do not, and what they told is lost.
_MOST_AT_ONCE = 128


class Notifications:
    """Answer ``/events``."""

    def __init__(self, events: Events, *, body_seconds: float) -> None:
        """``body_seconds``: how long a body may take to arrive."""
        self._events = events
        self._body_seconds = body_seconds
        # They wait more than they work, for what the events' own threads do.
        self._threads = ThreadPoolExecutor(_MOST_AT_ONCE, "notification")
        self._room = threading.BoundedSemaphore(_MOST_AT_ONCE)

    def close(self) -> None:
        """Begin nothing any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._events.close()

    async def answer(self, incoming: Incoming, receive: Receive) -> Response:
        """Answer when all is done; that goes on when whoever told it no longer waits.

        Raises NoPipelines, Forbidden, MethodNotAllowed, EventTooLarge, BodyTooSlow, EventUnknown,
        Busy, Unavailable.
        """
        if (greeting := self._events.greeting(incoming)) is not None:
            return greeting
        if not self._room.acquire(blocking=False):
            log.warning("a notification was refused: %d are worked on", _MOST_AT_ONCE)
            raise Busy("too many notifications came at once: tell this one again")
        try:
            body = await received(receive, seconds=self._body_seconds, check=check_size)
            work = self._threads.submit(copy_context().run, self._events.answer, incoming, body)
        except BaseException:
            self._room.release()
            raise
        work.add_done_callback(lambda _: self._room.release())
        answer = asyncio.wrap_future(work)
        # Nobody may wait any more to hear of a failure.
        answer.add_done_callback(lambda answer: answer.cancelled() or answer.exception())
        return await asyncio.shield(answer)

"""Work that is done once for all who ask for it at the same time, and no more than can be done.

What it writes to the log bears the id of the request that asked first.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from safelight.errors import Busy, SafelightError, again

_Result = TypeVar("_Result")

_REMEMBERED = 2_048
# Threads for each slot: reading and storing overlap with rendering, and take longer than it where a
# network is waited for.
_THREADS, _THREADS_FAR = 2, 4


class Flights:
    """Work in threads: shared, admitted only where it can end in time, its failures remembered."""

    def __init__(self, *, slots: int, queue: int, local: bool = True) -> None:
        """``slots`` are worked on at once; ``queue`` is how many may wait or be worked on.

        ``local``: whether reading and storing is no waiting.
        """
        self._slots = slots
        self._queue = queue
        self._lock = threading.Lock()
        self._flying: dict[object, Future[Any]] = {}
        self._failures: OrderedDict[object, tuple[SafelightError, float]] = OrderedDict()
        # What a picture has taken lately, on average.
        self.mean_seconds = 0.0
        threads = (_THREADS if local else _THREADS_FAR) * slots + 2
        self._threads = ThreadPoolExecutor(threads, "safelight-make")

    def __len__(self) -> int:
        """Count what waits or is worked on."""
        return len(self._flying)

    def close(self) -> None:
        """Drop what waits."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def join(
        self, token: object, work: Callable[[], _Result], *, deadline: float
    ) -> tuple[Future[_Result], bool]:
        """Begin work, or join those who wait for it; returns its future and whether it had begun.

        ``token`` names the work; ``deadline`` is a time of ``time.monotonic()``. Raises Busy, or a
        failure that is remembered.
        """
        with self._lock:
            if token in self._flying:
                return self._flying[token], True
            self._raise_remembered(token)
            flight = self._begin(token, lambda: self._remembering(token, work), deadline)
        flight.add_done_callback(lambda _: self._landed(token))
        return flight, False

    def alone(self, work: Callable[[], _Result], *, deadline: float) -> Future[_Result]:
        """Begin work that nobody else can ask for. Raises Busy."""
        token = object()
        with self._lock:
            flight = self._begin(token, work, deadline)
        flight.add_done_callback(lambda _: self._landed(token))
        return flight

    def took(self, seconds: float) -> None:
        """Learn how long a picture has taken."""
        with self._lock:
            self.mean_seconds += 0.1 * (seconds - self.mean_seconds)

    def _begin(
        self, token: object, work: Callable[[], _Result], deadline: float
    ) -> Future[_Result]:
        self._admit(deadline)
        flight = self._threads.submit(copy_context().run, work)
        self._flying[token] = flight
        return flight

    def _admit(self, deadline: float) -> None:
        """Refuse what could not be done in time, before any work is put into it."""
        waiting = len(self._flying)
        wait = waiting * self.mean_seconds / self._slots
        if waiting >= self._queue or wait > deadline - time.monotonic():
            error = Busy("too many pictures are being made at the moment: try again shortly")
            error.retry_after_seconds = max(1, round(wait))
            raise error

    def _landed(self, token: object) -> None:
        with self._lock:
            self._flying.pop(token, None)

    def _raise_remembered(self, token: object) -> None:
        error, until = self._failures.get(token, (None, 0.0))
        if error is not None and until > time.monotonic():
            raise again(error)

    def _remembering(self, token: object, work: Callable[[], _Result]) -> _Result:
        """Do work, and remember for a while why it cannot be done."""
        try:
            return work()
        except SafelightError as error:
            if error.cacheable_seconds:
                until = time.monotonic() + error.cacheable_seconds
                with self._lock:
                    self._failures[token] = (error, until)
                    while len(self._failures) > _REMEMBERED:
                        self._failures.popitem(last=False)
            raise


class Questions:
    """Short work in threads of its own, which never waits behind pictures."""

    def __init__(self, *, threads: int, queue: int, name: str) -> None:
        """Ask ``threads`` at once; ``queue`` is how many may wait or be asked."""
        self._queue = queue
        self._lock = threading.Lock()
        self._asking = 0
        self._threads = ThreadPoolExecutor(threads, name)

    def __len__(self) -> int:
        """Count what waits or is being asked."""
        return self._asking

    def close(self) -> None:
        """Drop what waits."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def ask(self, question: Callable[[], _Result]) -> Future[_Result]:
        """Have a question answered. Raises Busy."""
        with self._lock:
            if self._asking >= self._queue:
                raise Busy("too many images are being asked about at the moment: try again shortly")
            asked = self._threads.submit(copy_context().run, question)
            self._asking += 1
        asked.add_done_callback(lambda _: self._answered())
        return asked

    def _answered(self) -> None:
        with self._lock:
            self._asking -= 1

"""What goes on: how long the stages of a request took, whose request it is, and counts.

Everything is counted in the process that serves: rendering processes are its children, and what
they do is counted when their answer comes, or does not. So the counts of one process are right
however many workers render and however many of them die. Who exports them is of no concern here.
"""

import re
import threading
import time
import uuid
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from itertools import accumulate, count
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

Labels: TypeAlias = tuple[str | int, ...]

# From a stored picture in a folder (less than 1 ms) to the deadline of a request.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_PLAIN_ID = re.compile(r"[A-Za-z0-9._:=/+@-]{1,128}")
# Ids are made 14,000 times a second: a number is a tenth of the cost of new random bytes.
_PREFIX = uuid.uuid4().hex[:12]
_NUMBERS = count(1)


class Observe(msgspec.Struct, frozen=True):
    """What is told of the service, and how.

    ``metrics``: whether ``/metrics`` answers; "local" where only this machine is served.
    ``access_log`` writes a line for each request, ``log_format`` and ``log_level`` are those of all
    other lines. ``traces`` sends spans to where the ``OTEL_…`` variables say.
    """

    metrics: Literal["local", "on", "off"] = "local"
    access_log: bool = False
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    traces: bool = False


class Counter:
    """A count that only grows, by the values of its labels. Safe to use from many threads.

    ``values[labels] += 1`` reads, adds and writes: two threads may read the same number, and one
    of the two counts is lost. That CPython does not switch threads there is no promise, and without
    its global lock it is not so. The lock costs 0.15 µs.
    """

    __slots__ = ("_lock", "_values", "labels", "meaning", "name")

    def __init__(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> None:
        """``labels`` are names; there are few different values of each."""
        self.name = name
        self.meaning = meaning
        self.labels = labels
        self._lock = threading.Lock()
        self._values: dict[Labels, float] = {}

    def add(self, labels: Labels = (), amount: float = 1) -> None:
        """Count for these values of the labels, in their order."""
        with self._lock:
            try:
                self._values[labels] += amount
            except KeyError:
                self._values[labels] = amount

    def read(self) -> dict[Labels, float]:
        """Return the counts of this moment."""
        with self._lock:
            return dict(self._values)


class Series(NamedTuple):
    """One series of a histogram.

    ``counts``: for each bound how many took at most that long, then all. ``seconds`` and ``size``
    are the sums of all, the size in bytes.
    """

    counts: list[int]
    seconds: float
    size: int


class Histogram:
    """How often something took how long, and how many bytes it was, by the values of its labels.

    Safe to use from many threads.
    """

    __slots__ = ("_lock", "_series", "bounds", "labels", "meaning", "name")

    def __init__(
        self,
        name: str,
        meaning: str,
        labels: tuple[str, ...] = (),
        bounds: tuple[float, ...] = BOUNDS,
    ) -> None:
        """``bounds``: seconds, upwards; what took longer than the last one is counted too."""
        self.name = name
        self.meaning = meaning
        self.labels = labels
        self.bounds = bounds
        self._lock = threading.Lock()
        # Counts from bound to bound, then those above the last; sums of seconds and bytes.
        self._series: dict[Labels, list[float]] = {}

    def observe(self, seconds: float, labels: Labels = (), size: int = 0) -> None:
        """Count something that took ``seconds`` and was ``size`` bytes."""
        with self._lock:
            try:
                series = self._series[labels]
            except KeyError:
                series = self._series[labels] = [0] * (len(self.bounds) + 1) + [0.0, 0]
            series[bisect_left(self.bounds, seconds)] += 1
            series[-2] += seconds
            series[-1] += size

    def read(self) -> dict[Labels, Series]:
        """Return the series of this moment."""
        with self._lock:
            series = {labels: list(counts) for labels, counts in self._series.items()}
        return {
            labels: Series(list(accumulate(map(int, counts))), seconds, int(size))
            for labels, (*counts, seconds, size) in series.items()
        }


class Metrics:
    """What one service counts."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.requests = Histogram(
            "safelight_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ("door", "status", "cache"),
        )
        self.problems = Counter(
            "safelight_problems_total", "Requests that were answered with a problem.", ("code",)
        )
        self.stages = Histogram(
            "safelight_stage_seconds", "Seconds by stage of what was made.", ("stage",)
        )
        self.renders = Counter("safelight_renders_total", "Pictures rendered.", ("format",))
        self.stored = Counter("safelight_stored_bytes_total", "Bytes of variants stored.")
        self.store_calls = Histogram(
            "safelight_store_seconds",
            "Seconds by call to a store over a network, tries included.",
            ("store", "call", "outcome"),
        )


class Timings:
    """Milliseconds by stage, in the order in which the stages came."""

    __slots__ = ("_counted", "ended", "stages")

    def __init__(self, counted: Histogram | None = None) -> None:
        """Start with none; ``counted`` counts each stage too, by its name."""
        self.stages: dict[str, float] = {}
        # When each was added, a time of ``time.perf_counter()``.
        self.ended: dict[str, float] = {}
        self._counted = counted

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a block."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, (time.perf_counter() - started) * 1e3)

    def add(self, name: str, milliseconds: float) -> None:
        """Add to a stage that has just ended."""
        self.stages[name] = self.stages.get(name, 0.0) + milliseconds
        self.ended[name] = time.perf_counter()
        if self._counted is not None:
            self._counted.observe(milliseconds / 1e3, (name,))

    def intervals(self) -> list[tuple[str, float, float]]:
        """Tell when each stage began and ended, in seconds of ``time.perf_counter()``.

        Stages follow one another: where two were added at once, the first ended where the second
        began.
        """
        found: list[tuple[str, float, float]] = []
        following = float("inf")
        for name, milliseconds in reversed(self.stages.items()):
            end = min(self.ended[name], following)
            following = end - milliseconds / 1e3
            found.append((name, following, end))
        return found[::-1]

    def header(self) -> str:
        """Write a Server-Timing header (W3C Server Timing)."""
        return ", ".join(f"{name};dur={value:.1f}" for name, value in self.stages.items())


class Request:
    """What is noted of a request on its way.

    ``started`` is a time of ``time.perf_counter()``. ``door`` is how it came in, "none" when its
    address is not understood; ``cache`` is "hit", "miss", "shared" (another made the picture at
    that moment) or empty; ``code`` is that of the problem it is answered with. ``span`` belongs to
    whoever traces, ``trace`` is the id of the trace.
    """

    # Of the class until they are set: there are 14,000 requests a second, and few set them all.
    door = "none"
    cache = ""
    code = ""
    trace = ""
    span: Any = None
    timings: Timings | None = None

    def __init__(self, id: str) -> None:
        """Begin now."""
        self.id = id
        self.started = time.perf_counter()


_CURRENT: ContextVar[Request | None] = ContextVar("safelight_request", default=None)


def current() -> Request:
    """Return the request that this is done for; outside of one, a request without an id."""
    return _CURRENT.get() or Request("")


def enter(request: Request) -> Token[Request | None]:
    """Make a request the current one; ``leave`` takes what this returns."""
    return _CURRENT.set(request)


def leave(token: Token[Request | None]) -> None:
    """Make the request current that was so before."""
    _CURRENT.reset(token)


def identified(given: str) -> str:
    """Take over a request id that is plain text, which a log may hold as it is, or make one."""
    if given and _PLAIN_ID.fullmatch(given):
        return given
    return f"{_PREFIX}-{next(_NUMBERS):x}"

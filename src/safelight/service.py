"""One request from a meaning to a picture; no word of HTTP, no pixel.

Read ``Service.locate``, ``lookup`` and ``_make`` from top to bottom: this is what happens to a
request. All of it is plain blocking code: a function calls it, a server runs the slow part
(``submit``) in threads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from typing import Any

from msgspec.structs import replace

from safelight.answers import Answer, Found, Info
from safelight.delivery import INLINE, Delivery
from safelight.dialects import Match
from safelight.errors import Busy, SafelightError, SourceChanging, StoreUnavailable
from safelight.flights import Flights, Questions
from safelight.formats import by_suffix
from safelight.limits import Limits
from safelight.locating import Located, Locator
from safelight.observe import Metrics, Timings
from safelight.picture import Rendering
from safelight.storage import Opened, Source
from safelight.transform import Transform
from safelight.variants import Variants
from safelight.workers import NONE, Pictures, Renderer

__all__ = ["Answer", "Found", "Info", "Located", "Service"]

log = logging.getLogger("safelight")

_TRIES = 3
_POLL_SECONDS = 0.02
_SLOWEST_POLL_SECONDS = 0.4
_ASKERS = 2
# Each waits for a store; none of them computes.
_READERS = 16
_REMEMBERED = 2_048


def _ignored(_source: str, _paths: list[str]) -> None:
    return


class Service:
    """Pictures of a source store, through a renderer, kept in a variant store."""

    def __init__(
        self,
        sources: Source,
        variants: Variants,
        renderer: Renderer,
        limits: Limits,
        *,
        queue: int,
        delivery: Delivery = INLINE,
        removed: Callable[[str, list[str]], object] = _ignored,
        metrics: Metrics | None = None,
    ) -> None:
        """Wire the parts; ``queue`` is how many pictures may wait or be made at once.

        ``removed`` is told of a source that has changed or is gone, and where its variants were.
        """
        self.sources = sources
        self.variants = variants
        self.renderer = renderer
        self.limits = limits
        self.delivery = delivery
        self.queue = queue
        self.metrics = metrics or Metrics()
        self.capabilities: dict[str, Any] = {}
        # Whether looking something up takes no time, or has to be done beside.
        self.local = sources.local and variants.store.local
        self._flights = Flights(slots=renderer.slots, queue=queue, local=self.local)
        self._questions = Questions(
            threads=_ASKERS if self.local else _READERS, queue=queue, name="safelight-ask"
        )
        # Looking up is waiting for a network, and there is more of it than of anything else.
        self._lookups = Questions(threads=_READERS, queue=_READERS * queue, name="safelight-look")
        self._locator = Locator(sources, variants, limits, removed=removed)
        self._lock = threading.Lock()
        self._infos: OrderedDict[tuple[str, str], Info] = OrderedDict()
        self._analysed: OrderedDict[tuple[str, str], Info] = OrderedDict()

    def start(self) -> None:
        """Start the renderer. Raises WorkerLost when it cannot."""
        self.capabilities = self.renderer.start()

    def close(self) -> None:
        """Drop what waits, end what runs."""
        self._flights.close()
        self._questions.close()
        self._lookups.close()
        self._locator.close()
        self.renderer.close()

    def settle(self, deadline: float) -> None:
        """Wait for what is done beside, for a process that is about to be frozen.

        ``deadline``: a time of ``time.monotonic()``.
        """
        self._locator.settle(deadline)
        self.variants.bound.settle(deadline)

    @property
    def waiting(self) -> int:
        """How many pictures wait or are being made."""
        return len(self._flights)

    # What every request does, in time that does not depend on pictures.

    def find(
        self,
        match: Match,
        accept: str,
        *,
        path: str = "",
        known: Callable[[str], bool] | None = None,
    ) -> Found:
        """Locate a variant and look it up, unless its ETag is ``known`` to the viewer.

        ``path``: see ``locate``. Raises OutputTooLarge, NotFound, StoreUnavailable.
        """
        located = self.locate(match, accept, path=path)
        if known is not None and known(located.variant.etag):
            return Found(located, None, known=True)
        return Found(located, self._at_hand(located))

    def submit_find(
        self, match: Match, accept: str, *, path: str, known: Callable[[str], bool] | None
    ) -> Future[Found]:
        """Do what ``find`` does where it has to wait for a network. Raises Busy."""
        return self._lookups.ask(lambda: self.find(match, accept, path=path, known=known))

    def locate(self, match: Match, accept: str, *, path: str = "") -> Located:
        """Decide which variant answers; see ``Locator.locate``."""
        writable = tuple(self.capabilities.get("writes", ()))
        return self._locator.locate(match, accept, writable=writable, path=path)

    def _at_hand(self, located: Located) -> Answer | None:
        """Look a variant up in the way that it will be delivered."""
        # Who comes here although it lies under what they asked for could not read it there.
        if located.variant.index or not self.delivery.always:
            answer = self.lookup(located)
            return answer if answer is None or located.variant.index else self._delivered(answer)
        if not self.variants.readable(located.variant):
            return None
        location = self.delivery.location(self.variants.store, located.variant.path)
        if not location:
            return self.lookup(located)
        return Answer(located, b"", "", 0.0, cached=True, stored=True, location=location)

    def _delivered(self, answer: Answer) -> Answer:
        """Say where a stored picture is, where it is not to be sent from here."""
        if not answer.stored or not self.delivery.redirects(len(answer.data)):
            return answer
        variant = answer.located.variant
        # Sent away to what cannot be read, a viewer would be sent here again, and again.
        if not answer.cached and not self.variants.readable(variant):
            return answer
        location = self.delivery.location(self.variants.store, variant.path)
        return replace(answer, location=location)

    def lookup(self, located: Located) -> Answer | None:
        """Answer from the store, if the variant is there and whole."""
        started = time.perf_counter()
        found = self.variants.lookup(located.variant)
        if found is None:
            return None
        timings = Timings()
        timings.add("lookup", (time.perf_counter() - started) * 1e3)
        return Answer(
            located, found.data, found.mime, found.made, cached=True, stored=True, timings=timings
        )

    # What takes long, and is done once for all who ask for it at the same time.

    def submit(self, located: Located, *, deadline: float) -> tuple[Future[Answer], bool]:
        """Have a missing variant made; returns its future and whether another asked first.

        ``deadline``: a time of ``time.monotonic()``. Raises Busy, or a failure that is remembered.
        """
        return self._flights.join(
            located.variant,
            lambda: self.make(located, deadline=deadline),
            deadline=deadline,
        )

    def submit_version(self, key: str) -> Future[str]:
        """Have the version of a source looked up. Raises Busy."""
        return self._lookups.ask(lambda: self.sources.head(key).version)

    def submit_analysis(
        self, key: str, *, version: str | None = None, deadline: float
    ) -> Future[Info]:
        """Have a source analysed, which is admitted like a picture.

        ``version``: looked up here when it is not known. Raises as ``submit`` does.
        """
        source = (key, version or self.sources.head(key).version)
        if (info := self._analysed.get(source)) is not None:
            known: Future[Info] = Future()
            known.set_result(info)
            return known
        flight, _ = self._flights.join(
            source, lambda: self.analyse(key, deadline=deadline), deadline=deadline
        )
        return flight

    def submit_upload(
        self, source: Opened, transform: Transform, *, deadline: float
    ) -> Future[Rendering]:
        """Have a picture made of bytes that are no source, without storing it. Raises Busy."""
        self.limits.check_wish(transform)
        return self._flights.alone(
            lambda: self._render(source, transform, deadline), deadline=deadline
        )

    def resize(self, source: Opened, transform: Transform, *, deadline: float) -> Rendering:
        """Make a picture of bytes that are no source, without storing it.

        Raises OutputTooLarge, SourceError, Unavailable.
        """
        self.limits.check_wish(transform)
        return self._render(source, transform, deadline)

    def submit_info(self, key: str, *, deadline: float) -> Future[Info]:
        """Have a source's header read; never waits behind pictures. Raises Busy."""
        return self._questions.ask(lambda: self.info(key, deadline=deadline))

    def make(self, located: Located, *, deadline: float) -> Answer:
        """Make a missing variant, unless another process does so first.

        Raises SourceError for the image's faults, Unavailable, NotFound.
        """
        timings = Timings(self.metrics.stages)
        for _ in range(_TRIES):
            started = time.perf_counter()
            with self._turn(located, deadline) as elsewhere:
                timings.add("lookup", (time.perf_counter() - started) * 1e3)
                answer = elsewhere or self._make(located, timings, deadline)
            if answer is not None:
                return self._delivered(answer)
            located = self._locator.again(located)
        raise SourceChanging("the image is being changed at the moment: try again")

    @contextmanager
    def _turn(self, located: Located, deadline: float) -> Iterator[Answer | None]:
        """Wait for the right to make a variant, or for the one that another process makes."""
        pause = _POLL_SECONDS
        while True:
            with self.variants.lease(located.variant) as mine:
                # Looked up with the right in hand: whoever had it may just have finished.
                answer = self.lookup(located)
                if mine or answer is not None:
                    yield answer
                    return
            if time.monotonic() > deadline:
                raise Busy("another process is making this picture: try again shortly")
            time.sleep(pause)
            if not self.local:
                # Each look is a few requests: less and less often, while it takes longer.
                pause = min(1.5 * pause, _SLOWEST_POLL_SECONDS)

    def _make(self, located: Located, timings: Timings, deadline: float) -> Answer | None:
        """Fetch, render and store; None when the source is not what it was located as."""
        wanted = {located.key: located.version, **located.pictures}
        with ExitStack() as stack:
            with timings.stage("fetch"):
                opened = {key: stack.enter_context(self.sources.open(key)) for key in wanted}
            if any(opened[key].version != version for key, version in wanted.items()):
                return None
            pictures = {key: opened[key] for key in located.pictures}
            try:
                rendering = self._render(opened[located.key], located.transform, deadline, pictures)
            except SafelightError:
                if all(source.unchanged for source in opened.values()):
                    raise
                return None
            if not all(source.unchanged for source in opened.values()):
                return None
        timings.add("decode", rendering.decode_ms)
        timings.add("encode", rendering.encode_ms)
        with timings.stage("store"):
            made = self._store(located, rendering)
        return Answer(
            located,
            rendering.data,
            rendering.mime,
            made or time.time(),
            cached=False,
            stored=made is not None,
            timings=timings,
        )

    def _render(
        self,
        source: Opened,
        transform: Transform,
        deadline: float,
        pictures: Pictures = NONE,
    ) -> Rendering:
        self.limits.check_bytes(source.size)
        started = time.monotonic()
        rendering = self.renderer.render(source, transform, deadline=deadline, pictures=pictures)
        spent = (rendering.decode_ms + rendering.encode_ms) / 1e3
        self._flights.took(min(spent, time.monotonic() - started))
        self.metrics.renders.add((rendering.mime.removeprefix("image/"),))
        return rendering

    def _store(self, located: Located, rendering: Rendering) -> float | None:
        try:
            made = self.variants.publish(
                located.variant,
                rendering.data,
                rendering.mime,
                source=located.key,
                canonical=located.transform.canonical,
                version=located.version,
            )
        except StoreUnavailable as error:
            log.warning("answered without storing %s: %s", located.variant.path, error.detail)
            return None
        self.metrics.stored.add(amount=len(rendering.data))
        return made

    def info(self, key: str, *, deadline: float) -> Info:
        """Read a source's header. Raises SourceError, NotFound, Unavailable."""
        remembered = (key, self.sources.head(key).version)
        if remembered in self._infos:
            return self._infos[remembered]
        with self.sources.open(key) as source:
            self.limits.check_bytes(source.size)
            header = self.renderer.probe(source, deadline=deadline)
            info = Info(key, source.version, source.size, header)
        with self._lock:
            _keep(self._infos, (key, info.version), info)
        return info

    def analyse(self, key: str, *, deadline: float) -> Info:
        """Read a source's header and tell what it looks like. Raises as ``make`` does."""
        with self.sources.open(key) as source:
            self.limits.check_bytes(source.size)
            header = self.renderer.probe(source, deadline=deadline)
            analysis = self.renderer.analyse(source, deadline=deadline)
            if not source.unchanged:
                raise SourceChanging("the image is being changed at the moment: try again")
            info = Info(key, source.version, source.size, header, analysis)
        with self._lock:
            _keep(self._analysed, (key, info.version), info)
        return info

    def samples(self, most: int) -> list[str]:
        """Name some sources, as a look at their suffixes suggests, sorted."""
        keys: list[str] = []
        for entry in self.sources.list():
            hidden = any(part.startswith(".") for part in entry.key.split("/"))
            if not hidden and _readable(entry.key, self.capabilities.get("reads", ())):
                keys.append(entry.key)
            if len(keys) >= most:
                break
        return sorted(keys)

    def check(self) -> dict[str, str]:
        """Tell what is not ready, by part; empty when all is."""
        faults = {}
        try:
            self.sources.check()
        except StoreUnavailable as error:
            faults["source"] = error.detail
        if not self.capabilities:
            faults["workers"] = "no rendering process is ready"
        return faults


def _readable(key: str, reads: Any) -> bool:
    format = by_suffix(key)
    return format is not None and format.name in reads


def _keep(cache: OrderedDict[Any, Any], key: object, value: object) -> None:
    cache[key] = value
    while len(cache) > _REMEMBERED:
        cache.popitem(last=False)

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
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from safelight.dialects import Match
from safelight.errors import Busy, NotFound, SafelightError, SourceChanging, StoreUnavailable
from safelight.flights import Flights, Questions
from safelight.formats import by_suffix
from safelight.limits import Limits
from safelight.negotiate import modern_format
from safelight.observe import Timings
from safelight.picture import Analysis, Header, Rendering
from safelight.storage import Opened, Store
from safelight.transform import Transform
from safelight.variants import VariantKey, Variants
from safelight.workers import NONE, Pictures, Renderer

log = logging.getLogger("safelight")

_TRIES = 3
_POLL_SECONDS = 0.02
_REMEMBERED = 2_048


@dataclass(frozen=True, slots=True)
class Located:
    """A request with everything decided: source and version, negotiated transform, variant."""

    key: str
    version: str
    transform: Transform
    variant: VariantKey
    depends_on_accept: bool
    # The versions of the other pictures that the transform needs, by key.
    pictures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A picture to send.

    ``made`` is in seconds since the epoch. ``cached`` says that it came from the store, ``stored``
    that it is there now.
    """

    located: Located
    data: bytes
    mime: str
    made: float
    cached: bool
    stored: bool
    timings: Timings = field(default_factory=Timings)


@dataclass(frozen=True, slots=True)
class Info:
    """What is known of a source; ``analysis`` only where it was asked for."""

    key: str
    version: str
    size: int
    header: Header
    analysis: Analysis | None = None


class Service:
    """Pictures of a source store, through a renderer, kept in a variant store."""

    def __init__(
        self, sources: Store, variants: Variants, renderer: Renderer, limits: Limits, *, queue: int
    ) -> None:
        """Wire the parts; ``queue`` is how many pictures may wait or be made at once."""
        self.sources = sources
        self.variants = variants
        self.renderer = renderer
        self.limits = limits
        self.capabilities: dict[str, Any] = {}
        self._flights = Flights(slots=renderer.slots, queue=queue)
        self._questions = Questions(threads=2, queue=queue, name="safelight-ask")
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
        self.renderer.close()

    # What every request does, in time that does not depend on pictures.

    def locate(self, match: Match, accept: str) -> Located:
        """Decide which variant answers. Raises OutputTooLarge, NotFound."""
        self.limits.check_wish(match.transform)
        negotiable = match.transform["format"] == "auto"
        transform = match.transform
        writable = tuple(self.capabilities.get("writes", ()))
        if negotiable and (modern := modern_format(accept, writable)):
            transform = transform.changed(format=modern)
        return self._located(match.key, transform, negotiable=negotiable)

    def _located(self, key: str, transform: Transform, *, negotiable: bool) -> Located:
        version = self.sources.head(key).version
        pictures = {other: self._version_of(other) for other in transform.pictures()}
        # A changed watermark makes other pictures, as a changed source does.
        versions = "\n".join((version, *pictures.values()))
        variant = self.variants.key(key, versions, transform.canonical)
        return Located(key, version, transform, variant, negotiable, pictures)

    def _version_of(self, picture: str) -> str:
        try:
            return self.sources.head(picture).version
        except NotFound:
            raise NotFound(f"there is no image {picture} to make this one with") from None

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
            located.variant.path,
            lambda: self.make(located, deadline=deadline),
            deadline=deadline,
        )

    def submit_analysis(self, key: str, *, deadline: float) -> Future[Info]:
        """Have a source analysed, which is admitted like a picture. Raises as ``submit`` does."""
        source = (key, self.sources.head(key).version)
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

    def submit_info(self, key: str, *, deadline: float) -> Future[Info]:
        """Have a source's header read; never waits behind pictures. Raises Busy."""
        return self._questions.ask(lambda: self.info(key, deadline=deadline))

    def make(self, located: Located, *, deadline: float) -> Answer:
        """Make a missing variant, unless another process does so first.

        Raises SourceError for the image's faults, Unavailable, NotFound.
        """
        timings = Timings()
        for _ in range(_TRIES):
            started = time.perf_counter()
            with self._turn(located, deadline) as elsewhere:
                timings.add("lookup", (time.perf_counter() - started) * 1e3)
                answer = elsewhere or self._make(located, timings, deadline)
            if answer is not None:
                return answer
            located = self._located(
                located.key, located.transform, negotiable=located.depends_on_accept
            )
        raise SourceChanging("the image is being changed at the moment: try again")

    @contextmanager
    def _turn(self, located: Located, deadline: float) -> Iterator[Answer | None]:
        """Wait for the right to make a variant, or for the one that another process makes."""
        while True:
            until = time.time() + max(1.0, deadline - time.monotonic())
            with self.variants.lease(located.variant, until=until) as mine:
                # Looked up with the right in hand: whoever had it may just have finished.
                answer = self.lookup(located)
                if mine or answer is not None:
                    yield answer
                    return
            if time.monotonic() > deadline:
                raise Busy("another process is making this picture: try again shortly")
            time.sleep(_POLL_SECONDS)

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
        return rendering

    def _store(self, located: Located, rendering: Rendering) -> float | None:
        try:
            return self.variants.publish(
                located.variant,
                rendering.data,
                rendering.mime,
                source=located.key,
                canonical=located.transform.canonical,
            )
        except StoreUnavailable as error:
            log.warning("answered without storing %s: %s", located.variant.path, error.detail)
            return None

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

"""All pipelines of a service: what comes of an event, or of a source by its name."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from safelight.errors import Busy, StoreUnavailable, Unavailable
from safelight.events import Event
from safelight.pipelines.outcomes import OUTCOMES, Outcome
from safelight.pipelines.pipeline import Pipeline, hidden
from safelight.pipelines.places import Place, Sources
from safelight.pipelines.reconcile import Parts, Work
from safelight.pipelines.records import digest
from safelight.pipelines.templates import named
from safelight.storage import Store, read_back
from safelight.variants.leases import Lease, Leases
from safelight.workers import Renderer

log = logging.getLogger("safelight")

# How long a process that holds a source may be silent before it is held to be dead.
LEASE_SECONDS = 10.0
# How old a file is that nobody is writing any more.
_ABANDONED_SECONDS = 3_600.0
_POLL_SECONDS = 0.05
_SLOWEST_POLL_SECONDS = 1.0


class Pipelines:
    """All pipelines of a service."""

    def __init__(
        self,
        pipelines: Sequence[Pipeline],
        parts: Parts,
        state: Store,
        renderer: Renderer,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """Have in ``state`` who is at work on what; ``renderer`` is who makes the pictures."""
        self.pipelines = tuple(pipelines)
        self.renderer = renderer
        self.parts = parts
        self._state = state
        self._leases = Leases(state, seconds=lease_seconds)
        self._tidy_from = 0.0

    def start(self) -> None:
        """Start the renderer, where it is not one that a service starts."""
        self.renderer.start()

    def close(self) -> None:
        """Let go of the renderer, where it is not one that a service closes."""
        self.renderer.close()

    def check(self) -> list[str]:
        """Try the memory of what was done, and each store that is written to; gives their URLs.

        Raises StoreUnavailable, whose reason says what is wrong in a sentence.
        """
        written = {
            place.url: place
            for pipeline in self.pipelines
            for goal in pipeline.goals()
            for place in ([goal.place] if goal.place else self._homes(pipeline))
        }
        for store in (self._state, *(place.store for place in written.values())):
            # Hidden, so that it is nobody's source.
            read_back(store, f".check-{os.getpid()}")
        return list(written)

    def _homes(self, pipeline: Pipeline) -> list[Place]:
        return [place for _, place in self.sources.below(pipeline.on)]

    @property
    def sources(self) -> Sources:
        """The stores of the sources as one."""
        return self.parts.sources

    @property
    def seconds(self) -> float:
        """How long all outputs of a source may take."""
        return self.parts.events.seconds

    def matching(self, key: str) -> list[Pipeline]:
        """List the pipelines that a source is for, as its key tells."""
        if hidden(key):
            return []
        return [pipeline for pipeline in self.pipelines if not pipeline.refuses(key)]

    def handle(self, event: Event, *, deadline: float | None = None) -> list[Outcome]:
        """Bring up the sources that an event speaks of, and say what came of it.

        ``deadline``: a time of ``time.monotonic()``, by default the settings' ``seconds`` from now.
        Raises Unavailable where the event has to be told again; nothing is lost then.
        """
        keys = self.sources.keys(event)
        if not keys:
            reason = f"no source is in {event.bucket} there ({event.origin})"
            return self._told([Outcome("missing", event.key, reason=reason)])
        return [
            outcome
            for key in keys
            for outcome in self.bring_up(key, event=event, deadline=deadline)
        ]

    def bring_up(
        self,
        key: str,
        *,
        only: Collection[str] = (),
        event: Event | None = None,
        deadline: float | None = None,
        again: bool = False,
    ) -> list[Outcome]:
        """Make the outputs of a source agree with what it is now, whatever was said of it.

        ``only``: names of pipelines or presets, where not all are wanted. ``again``: try once more
        what has failed before. Raises as ``handle`` does.
        """
        wanted = [pipeline for pipeline in self.matching(key) if _chosen(pipeline, only)]
        if not wanted:
            return self._told([Outcome("skipped", key, reason=self._refusal(key))])
        asked = time.monotonic()
        patience = self.seconds if deadline is None else deadline - asked
        outcomes: list[Outcome] = []
        delayed: list[Unavailable] = []
        with self._turn(key, asked + patience) as lease:
            # Time that was spent on waiting is no fault of the source.
            if deadline is not None and time.monotonic() - asked > patience / 2:
                raise Busy("another process was at work on this source: try again")
            for pipeline in wanted:
                work = Work(
                    self.parts,
                    pipeline,
                    key,
                    lease=lease,
                    event=event,
                    deadline=time.monotonic() + self.seconds if deadline is None else deadline,
                    again=again,
                )
                try:
                    outcomes.append(work.done())
                except Unavailable as error:
                    # What one cannot do at the moment holds up none of the others.
                    delayed.append(error)
                if work.cut_off:
                    self._tidy_beside()
        self._told(outcomes)
        if delayed:
            raise delayed[0]
        return outcomes

    def remembered(self) -> Iterator[str]:
        """List the sources that were brought up once, those removed since included.

        One of several pipelines is listed as often. Raises StoreUnavailable.
        """
        for pipeline in self.pipelines:
            yield from self.parts.records.sources(pipeline.name)

    def tidy(self, before: float) -> int:
        """Remove what writes of killed processes have left from before a time; returns how many.

        Only folders keep such rests. Raises StoreUnavailable.
        """
        return sum(place.store.tidy(before) for place in self.parts.places.all())

    def _tidy_beside(self) -> None:
        """Tidy up after a process that was killed, now and then; nobody waits for it."""
        if time.monotonic() < self._tidy_from:
            return
        self._tidy_from = time.monotonic() + _ABANDONED_SECONDS

        def tidied() -> None:
            try:
                self.tidy(time.time() - _ABANDONED_SECONDS)
            except StoreUnavailable as error:
                log.warning("what was left by a killed process stays: %s", error.detail)

        threading.Thread(target=tidied, name="safelight-tidy", daemon=True).start()

    @contextmanager
    def _turn(self, key: str, deadline: float) -> Iterator[Lease]:
        """Wait until nobody else is at work on a source. Raises Busy."""
        # One after the other, "a.jpg" and "a.png" see whose "{stem}.jpg" lies there.
        name = f"source-{digest(named(key, '').stem)}"
        pause = _POLL_SECONDS
        while True:
            with self._leases.lease(name) as lease:
                if lease:
                    yield lease
                    return
            if time.monotonic() > deadline:
                raise Busy("another process is at work on this source: try again shortly")
            time.sleep(pause)
            pause = min(1.5 * pause, _SLOWEST_POLL_SECONDS)

    def _refusal(self, key: str) -> str:
        if reason := hidden(key):
            return reason
        below = [pipeline for pipeline in self.pipelines if key.startswith(pipeline.on)]
        refusals = [reason for pipeline in below if (reason := pipeline.refuses(key))]
        return refusals[0] if refusals else "no pipeline is for it"

    def _told(self, outcomes: list[Outcome]) -> list[Outcome]:
        for outcome in outcomes:
            level = logging.WARNING if outcome.status == "failed" else logging.INFO
            name = outcome.pipeline or "no pipeline"
            because = f": {outcome.reason}" if outcome.reason else ""
            OUTCOMES.log(level, "%s in %s: %s%s", outcome.source, name, outcome.status, because)
        return outcomes


def _chosen(pipeline: Pipeline, only: Collection[str]) -> bool:
    return not only or pipeline.name in only or bool(pipeline.presets.intersection(only))

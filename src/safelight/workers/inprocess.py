"""The same work in this process: for functions, which are a process a request, and for the CLI."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from safelight import engine
from safelight.errors import DeadlineExceeded, concerning
from safelight.limits import Limits
from safelight.picture import Analysis, Developed, Header, Rendering, Wish
from safelight.storage import Opened
from safelight.transform import Transform
from safelight.workers import NONE, Pictures, Vitals


class InProcess:
    """Render here: what takes too long is broken off where libvips lets it be."""

    def __init__(self, limits: Limits, *, threads: int | None = None) -> None:
        """Use ``threads`` threads for one picture, by default as many as there are cores."""
        self._limits = limits
        self._threads = threads or os.cpu_count() or 1
        self.slots = 1

    def start(self) -> dict[str, Any]:
        """Prepare libvips."""
        engine.prepare(threads=self._threads)
        return engine.capabilities()

    def render(
        self,
        source: Opened,
        transform: Transform,
        *,
        deadline: float,
        pictures: Pictures = NONE,
    ) -> Rendering:
        """Make a picture. Raises DeadlineExceeded."""
        self._limits.check_bytes(source.size)
        others = self._read(pictures)
        with _until(deadline):
            return engine.run(source.read(), transform, self._limits, pictures=others)

    def develop(
        self,
        source: Opened,
        wishes: Sequence[Wish],
        *,
        deadline: float,
        pictures: Pictures = NONE,
        analyse: bool = False,
        facts: str = "none",
    ) -> Developed:
        """Make several pictures at once, and tell of the source what is asked for."""
        self._limits.check_bytes(source.size)
        others = self._read(pictures)
        with _until(deadline):
            return engine.develop(
                source.read(), wishes, self._limits, pictures=others, analyse=analyse, facts=facts
            )

    def probe(self, source: Opened, *, deadline: float) -> Header:
        """Read a source's header."""
        self._limits.check_bytes(source.size)
        with _until(deadline):
            return engine.probe(source.read())

    def analyse(self, source: Opened, *, deadline: float) -> Analysis:
        """Tell what a source looks like."""
        self._limits.check_bytes(source.size)
        with _until(deadline):
            return engine.analyse(source.read(), self._limits)

    def _read(self, pictures: Pictures) -> dict[str, bytes]:
        for key, other in pictures.items():
            with concerning(key):
                self._limits.check_bytes(other.size)
        return {key: other.read() for key, other in pictures.items()}

    def vitals(self) -> Vitals:
        """There are no processes."""
        return Vitals()

    def close(self) -> None:
        """Nothing is held."""


@contextmanager
def _until(deadline: float) -> Iterator[None]:
    """Begin nothing that has no time left, and break off what takes longer."""
    if time.monotonic() > deadline:
        raise DeadlineExceeded("there was no time left to make the picture: try again")
    with engine.until(deadline):
        yield

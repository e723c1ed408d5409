"""The same work in this process: for functions, which are a process a request, and for the CLI."""

from __future__ import annotations

import os
from typing import Any

from safelight import engine
from safelight.errors import concerning
from safelight.limits import Limits
from safelight.picture import Analysis, Header, Rendering
from safelight.storage import Opened
from safelight.transform import Transform
from safelight.workers import NONE, Pictures, Vitals


class InProcess:
    """Render here, without a deadline that can be enforced."""

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
        deadline: float,  # noqa: ARG002 - nothing can be killed here
        pictures: Pictures = NONE,
    ) -> Rendering:
        """Make a picture."""
        self._limits.check_bytes(source.size)
        for key, other in pictures.items():
            with concerning(key):
                self._limits.check_bytes(other.size)
        others = {key: other.read() for key, other in pictures.items()}
        return engine.run(source.read(), transform, self._limits, pictures=others)

    def probe(self, source: Opened, *, deadline: float) -> Header:  # noqa: ARG002 - see render
        """Read a source's header."""
        self._limits.check_bytes(source.size)
        return engine.probe(source.read())

    def analyse(self, source: Opened, *, deadline: float) -> Analysis:  # noqa: ARG002 - see render
        """Tell what a source looks like."""
        self._limits.check_bytes(source.size)
        return engine.analyse(source.read(), self._limits)

    def vitals(self) -> Vitals:
        """There are no processes."""
        return Vitals()

    def close(self) -> None:
        """Nothing is held."""

"""Timings of a request, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Timings:
    """Milliseconds by stage, in the order in which the stages came."""

    def __init__(self) -> None:
        """Start with none."""
        self.stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a block."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, (time.perf_counter() - started) * 1e3)

    def add(self, name: str, milliseconds: float) -> None:
        """Add to a stage."""
        self.stages[name] = self.stages.get(name, 0.0) + milliseconds

    def header(self) -> str:
        """Write a Server-Timing header (W3C Server Timing)."""
        return ", ".join(f"{name};dur={value:.1f}" for name, value in self.stages.items())

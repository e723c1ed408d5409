"""A real renderer that tests can count and hold up, and what they ask a service."""

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from safelight.dialects import Match
from safelight.limits import Limits
from safelight.picture import Analysis, Developed, Header, Rendering, Wish
from safelight.service import Located, Service
from safelight.storage import Opened
from safelight.transform import Transform
from safelight.workers import NONE, Pictures, Vitals
from safelight.workers.inprocess import InProcess

LIMITS = Limits(source_bytes=4_000_000)
MEADOW = "photo-1mp.jpg"


class Gate:
    """A real renderer that counts, and that can be made to wait or to disturb."""

    def __init__(self) -> None:
        self.inside = InProcess(LIMITS, threads=1)
        self.slots = 1
        self.renders = 0
        self.analyses = 0
        self.open = threading.Event()
        self.open.set()
        self.meanwhile: Callable[[], object] = lambda: None

    def start(self) -> dict[str, Any]:
        return self.inside.start()

    def render(
        self, source: Opened, transform: Transform, *, deadline: float, pictures: Pictures = NONE
    ) -> Rendering:
        self.renders += 1
        assert self.open.wait(20)
        self.meanwhile()
        return self.inside.render(source, transform, deadline=deadline, pictures=pictures)

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
        self.renders += 1
        assert self.open.wait(20)
        self.meanwhile()
        return self.inside.develop(
            source, wishes, deadline=deadline, pictures=pictures, analyse=analyse, facts=facts
        )

    def probe(self, source: Opened, *, deadline: float) -> Header:
        self.renders += 1
        return self.inside.probe(source, deadline=deadline)

    def analyse(self, source: Opened, *, deadline: float) -> Analysis:
        self.analyses += 1
        assert self.open.wait(20)
        self.meanwhile()
        return self.inside.analyse(source, deadline=deadline)

    def vitals(self) -> Vitals:
        return self.inside.vitals()

    def close(self) -> None:
        self.inside.close()


ServiceOf = Callable[..., Service]


def soon() -> float:
    return time.monotonic() + 20


def located(service: Service, key: str = MEADOW, accept: str = "", **arguments: Any) -> Located:
    return service.locate(Match(key, Transform.of(**(arguments or {"w": 64}))), accept)


def change(path: Path, source: Path) -> None:
    """Replace a photograph as a careful program does."""
    shutil.copy(source, path.with_suffix(".new"))
    path.with_suffix(".new").rename(path)

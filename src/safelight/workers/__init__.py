"""Rendering in processes that can be killed, and the same in this process.

A decoder is the part that strangers' bytes can crash, stall or bloat. ``pool`` keeps it in
processes of its own, ``child`` is what runs in them, ``inprocess`` does the same work without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

import msgspec

from safelight.picture import Analysis, Developed, Header, Rendering, Wish
from safelight.storage import Opened
from safelight.transform import Transform

__all__ = ["NONE", "Pictures", "Renderer", "Vitals"]

# The other pictures that a transform needs, open, by key.
Pictures: TypeAlias = Mapping[str, Opened]
NONE: Pictures = MappingProxyType({})


class Vitals(msgspec.Struct, frozen=True):
    """How the processes that render are.

    ``replaced``: how many died, were killed or recycled since the start. ``memory``: resident bytes
    of each that runs, as far as the system tells.
    """

    replaced: int = 0
    memory: tuple[int, ...] = ()


class Renderer(Protocol):
    """What the service needs of whoever makes pictures.

    ``deadline`` is a time of ``time.monotonic()``, in seconds.
    """

    @property
    def slots(self) -> int:
        """How many pictures can be made at once."""

    def start(self) -> dict[str, Any]:
        """Get ready; returns versions and the formats that can be read and written."""

    def render(
        self, source: Opened, transform: Transform, *, deadline: float, pictures: Pictures = NONE
    ) -> Rendering:
        """Make a picture; ``pictures`` are those of ``transform.pictures()``."""

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
        """Make several pictures at once, and tell of the source what is asked for.

        ``pictures`` are those that any of the transforms needs; ``facts``: what is told of the
        source's metadata, a policy of ``metadata.POLICIES``.
        """

    def probe(self, source: Opened, *, deadline: float) -> Header:
        """Read a source's header."""

    def analyse(self, source: Opened, *, deadline: float) -> Analysis:
        """Tell what a source looks like."""

    def vitals(self) -> Vitals:
        """Tell how the processes that render are."""

    def close(self) -> None:
        """Let go of everything."""

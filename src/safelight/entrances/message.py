"""What every broker's queue and message can do: the interface that ``consumer`` works with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

# How long a message belongs to a process that says nothing of it any more, unless it is set.
PATIENCE_SECONDS = 30


class Message(Protocol):
    """One message, which is nobody else's until it is settled, or not extended in time.

    ``done``, ``again`` and ``drop`` settle it. They raise Unavailable when the broker cannot be
    told: then the message comes again.
    """

    @property
    def id(self) -> str:
        """What the broker calls it."""

    @property
    def body(self) -> bytes:
        """What it says."""

    @property
    def tries(self) -> int:
        """How often it was delivered, this time included; at least 1."""

    async def extend(self) -> None:
        """Keep it from others for another while."""

    async def done(self) -> None:
        """Have it forgotten: its effect is there."""

    async def again(self, seconds: float) -> None:
        """Have it delivered again after a time, to whoever is there."""

    async def drop(self, reason: str) -> None:
        """Never have it delivered again, and keep it where the broker keeps such messages."""


class Queue(Protocol):
    """A queue of a broker. It may be opened again after it was closed."""

    # How often a message has to be extended; 0 where a connection is enough to keep it.
    extend_seconds: float

    def __str__(self) -> str:
        """Name the queue, without credentials."""

    async def open(self) -> None:
        """Connect. Raises Unavailable, or SettingError when there is no such queue."""

    async def receive(self, most: int) -> Sequence[Message]:
        """Wait some seconds for up to ``most`` messages; none may have come.

        May be cancelled: what was on its way comes again. Raises Unavailable when the queue has to
        be opened again.
        """

    async def close(self) -> None:
        """Let go of it; raises nothing."""

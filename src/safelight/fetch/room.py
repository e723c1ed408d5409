"""How much may be in the middle of being fetched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from safelight.errors import Busy


class Room:
    """The bytes of all bodies that are being read; each is bounded by itself besides."""

    def __init__(self, most_bytes: int) -> None:
        """Let them be ``most_bytes`` together."""
        self._left = most_bytes
        self._lock = threading.Lock()

    @contextmanager
    def share(self) -> Iterator[Share]:
        """Give a part of the room until the end of the block."""
        share = Share(self)
        try:
            yield share
        finally:
            self.take(-share.bytes)

    def take(self, size: int) -> None:
        """Take bytes, or give them back. Raises Busy when there is no room for them."""
        with self._lock:
            if size > self._left:
                raise Busy("too many pictures are being fetched at the moment: try again shortly")
            self._left -= size


class Share:
    """What one body takes of the room."""

    def __init__(self, room: Room) -> None:
        """Begin with nothing."""
        self.bytes = 0
        self._room = room

    def take(self, size: int) -> None:
        """Take more. Raises Busy."""
        self._room.take(size)
        self.bytes += size

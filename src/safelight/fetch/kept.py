"""What was fetched, or begun to be, and will be asked for shortly."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from safelight.fetch.answers import Answer

_SECONDS = 10.0
# A server waits with the rest of a body that nobody reads: not for long, and not many of them.
_COMING_SECONDS = 2.0
_MOST_COMING = 16


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of a version of a picture."""

    version: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Coming:
    """A version of a picture whose body is still on the wire."""

    version: str
    answer: Answer


class Kept:
    """A small memory between looking a picture up and opening it."""

    def __init__(self, most_bytes: int) -> None:
        """Keep at most ``most_bytes`` of pictures, for seconds."""
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._pictures: OrderedDict[str, tuple[float, Picture]] = OrderedDict()
        self._coming: OrderedDict[str, tuple[float, Coming]] = OrderedDict()

    def keep(self, key: str, picture: Picture) -> None:
        """Keep a picture in place of what was there."""
        with self._lock:
            self._forget(key)
            self._pictures[key] = (time.monotonic() + _SECONDS, picture)
            self._bytes += len(picture.data)
            self._tidy()

    def expect(self, key: str, coming: Coming) -> None:
        """Hold an answer in place of what was there, so that its body can be read."""
        with self._lock:
            self._forget(key)
            self._coming[key] = (time.monotonic() + _COMING_SECONDS, coming)
            self._tidy()

    def take(self, key: str) -> Picture | Coming | None:
        """Give what there is of a picture; an answer is given away."""
        with self._lock:
            self._tidy()
            if key in self._pictures:
                return self._pictures[key][1]
            return self._coming.pop(key, (0.0, None))[1]

    def forget(self, key: str) -> None:
        """Let go of what there is of a picture."""
        with self._lock:
            self._forget(key)

    def _forget(self, key: str) -> None:
        if key in self._pictures:
            self._bytes -= len(self._pictures.pop(key)[1].data)
        if key in self._coming:
            self._coming.pop(key)[1].answer.drop()

    def _tidy(self) -> None:
        now = time.monotonic()
        while self._pictures and (self._bytes > self._most_bytes or _first(self._pictures) < now):
            self._forget(next(iter(self._pictures)))
        while self._coming and (len(self._coming) > _MOST_COMING or _first(self._coming) < now):
            self._forget(next(iter(self._coming)))


def _first(entries: Mapping[str, tuple[float, object]]) -> float:
    """Tell until when the oldest entry is kept."""
    return next(iter(entries.values()))[0]

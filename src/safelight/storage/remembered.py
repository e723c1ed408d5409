"""A store whose look-ups are remembered for a while, and longer when it is down."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Generic, TypeVar

import msgspec

from safelight.errors import NotFound, SafelightError, StoreUnavailable, again
from safelight.storage.store import Entry, Opened, Source, Stat

_MOST = 8_192
# How long a store that was down is not asked again about what is known.
_DOWN_SECONDS = 5.0

_Known = TypeVar("_Known")


class Remembered:
    """A store in front of which the versions of objects are remembered.

    Only look-ups: bytes are always the store's own. What was read here since is known at once;
    what has changed otherwise is noticed after ``seconds``.
    """

    def __init__(
        self,
        store: Source,
        *,
        seconds: float,
        missing_seconds: float,
        server: Callable[[str], str] = lambda _: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Believe a version for ``seconds``, that there is no object for ``missing_seconds``.

        ``server`` names what answers for a key, where one may be down and others not.
        """
        self._store = store
        self.seconds = seconds
        self.missing_seconds = missing_seconds
        self._server = server
        self._clock = clock
        self._lock = threading.Lock()
        self._found = _Memory[Stat]()
        self._missing = _Memory[NotFound]()
        self._asking: dict[str, Future[Stat]] = {}
        self._down_until: dict[str, float] = {}

    @property
    def local(self) -> bool:
        """Whether the store answers at once without memory."""
        return self._store.local

    def check(self) -> None:
        """Check the store itself."""
        self._store.check()

    def head(self, key: str) -> Stat:
        """Look an object up: in memory, else once for all who ask at the same time.

        While the store does not answer, what it said last goes on being true.
        """
        with self._lock:
            known = self._remembered(key)
            if known is not None:
                return known
            flight = self._asking.get(key)
            if flight is None:
                mine = self._asking[key] = Future()
        if flight is not None:
            return _joined(flight)
        try:
            found = self._asked(key)
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(found)
            return found
        finally:
            with self._lock:
                del self._asking[key]

    def _remembered(self, key: str) -> Stat | None:
        now = self._clock()
        absent = self._missing.fresh(key, now)
        if absent is not None:
            raise again(absent)
        if now < self._down_until.get(self._server(key), now):
            return self._found.last(key)
        return self._found.fresh(key, now)

    def _asked(self, key: str) -> Stat:
        try:
            found = self._store.head(key)
        except NotFound as error:
            self._note_missing(key, error)
            raise
        except StoreUnavailable:
            with self._lock:
                self._note_down(key)
                last = self._found.last(key)
            if last is None:
                raise
            return last
        self._note_found(key, found)
        return found

    def open(self, key: str) -> Opened:
        """Open an object, which tells whether what is remembered is still true."""
        try:
            opened = self._store.open(key)
        except NotFound as error:
            self._note_missing(key, error)
            raise
        with self._lock:
            last = self._found.last(key)
        if last is None or last.version != opened.version:
            self._forget(key)
        elif last.size != opened.size:
            opened.close()
            raise StoreUnavailable("the store does not answer")
        else:
            self._note_found(key, last)
        return opened

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """List objects."""
        return self._store.list(prefix)

    def _note_down(self, key: str) -> None:
        now = self._clock()
        down = {server: until for server, until in self._down_until.items() if until > now}
        self._down_until = down | {self._server(key): now + _DOWN_SECONDS}

    def _note_found(self, key: str, found: Stat) -> None:
        with self._lock:
            self._found.keep(key, found, self._clock() + self.seconds)

    def _note_missing(self, key: str, error: NotFound) -> None:
        with self._lock:
            self._found.drop(key)
            self._missing.keep(key, error, self._clock() + self.missing_seconds)

    def _forget(self, key: str) -> None:
        with self._lock:
            self._found.drop(key)
            self._missing.drop(key)


class _Note(msgspec.Struct, Generic[_Known]):
    known: _Known
    until: float


class _Memory(Generic[_Known]):
    """What is known of the keys that were asked for last."""

    def __init__(self) -> None:
        self._notes: OrderedDict[str, _Note[_Known]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._notes)

    def fresh(self, key: str, now: float) -> _Known | None:
        note = self._notes.get(key)
        return self.last(key) if note is not None and now < note.until else None

    def last(self, key: str) -> _Known | None:
        note = self._notes.get(key)
        if note is None:
            return None
        self._notes.move_to_end(key)
        return note.known

    def keep(self, key: str, known: _Known, until: float) -> None:
        self._notes[key] = _Note(known, until)
        self._notes.move_to_end(key)
        while len(self._notes) > _MOST:
            self._notes.popitem(last=False)

    def drop(self, key: str) -> None:
        self._notes.pop(key, None)


def _joined(flight: Future[Stat]) -> Stat:
    try:
        return flight.result()
    except SafelightError as error:
        raise again(error) from None

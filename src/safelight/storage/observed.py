"""A store whose calls are counted and timed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from safelight.errors import NotFound
from safelight.observe import Histogram
from safelight.storage.store import Entry, Object, Opened, Source, Stat, Store


def observed_source(source: Source, name: str, counted: Histogram | None) -> Source:
    """Observe a place for originals, where that is wanted and calls are over a network."""
    return source if counted is None or source.local else ObservedSource(source, name, counted)


def observed_store(store: Store, name: str, counted: Histogram | None) -> Store:
    """Observe a place for variants, where that is wanted and calls are over a network.

    To count a call to a folder would take as long as a tenth of the call.
    """
    return store if counted is None or store.local else ObservedStore(store, name, counted)


class ObservedSource:
    """A place for originals whose calls are counted, with all their tries as one.

    ``outcome`` is "ok", "missing" where there is no such object, or "error".
    """

    def __init__(self, store: Source, name: str, counted: Histogram) -> None:
        """Count under ``name``, with the labels store, call and outcome."""
        self._source = store
        self._name = name
        self._counted = counted

    @contextmanager
    def _call(self, call: str) -> Iterator[None]:
        started = time.perf_counter()
        outcome = "error"
        try:
            yield
            outcome = "ok"
        except NotFound:
            outcome = "missing"
            raise
        finally:
            labels = (self._name, call, outcome)
            self._counted.observe(time.perf_counter() - started, labels)

    @property
    def local(self) -> bool:
        """Whether the store answers at once."""
        return self._source.local

    def check(self) -> None:
        """Check the store."""
        with self._call("check"):
            self._source.check()

    def head(self, key: str) -> Stat:
        """Look an object up."""
        with self._call("head"):
            return self._source.head(key)

    def open(self, key: str) -> Opened:
        """Open an object."""
        with self._call("open"):
            return self._source.open(key)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """List the objects below a prefix; counted up to the first of them."""
        with self._call("list"):
            entries = iter(self._source.list(prefix))
            first = next(entries, None)
        if first is not None:
            yield first
            yield from entries


class ObservedStore(ObservedSource):
    """A place for variants whose calls are counted."""

    def __init__(self, store: Store, name: str, counted: Histogram) -> None:
        """Count under ``name``, with the labels store, call and outcome."""
        super().__init__(store, name, counted)
        self._store = store

    def get(self, key: str) -> Object:
        """Read an object."""
        with self._call("get"):
            return self._store.get(key)

    def attributes(self, key: str) -> Mapping[str, str]:
        """Read what was put beside an object."""
        with self._call("attributes"):
            return self._store.attributes(key)

    def put(self, key: str, data: bytes, attributes: Mapping[str, str]) -> None:
        """Write an object."""
        with self._call("put"):
            self._store.put(key, data, attributes)

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one."""
        with self._call("create"):
            return self._store.create(key, data)

    def delete(self, key: str) -> None:
        """Remove an object."""
        with self._call("delete"):
            self._store.delete(key)

    def sign(self, key: str, seconds: int) -> str | None:
        """Give an address that is signed, for which no store is asked."""
        return self._store.sign(key, seconds)

    def tidy(self, before: float) -> int:
        """Remove what writes that never ended have left."""
        with self._call("tidy"):
            return self._store.tidy(before)

"""How many bytes of variants are kept: the least recently used go first."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress

from safelight.errors import StoreUnavailable
from safelight.storage import Entry, Store
from safelight.variants.layout import INDEX, LEASE, MARK, path_mark

_SWEPT_TO = 0.9
_ABANDONED_SECONDS = 3_600.0


class Bound:
    """Sweep a variant store when more has been written than may be kept."""

    def __init__(self, store: Store, max_bytes: int | None) -> None:
        """Keep ``max_bytes``; None for all of them."""
        self._store = store
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        # Counted by the last sweep, and written since.
        self._bytes: int | None = None
        self._new = 0
        self.sweeping = False
        self._sweeper: threading.Thread | None = None

    def settle(self, deadline: float) -> None:
        """Wait for the end of a sweep, at most until a time of ``time.monotonic()``."""
        if self._sweeper is not None:
            self._sweeper.join(max(0.0, deadline - time.monotonic()))

    def grown(self, size: int) -> None:
        """Count what was written, and sweep in the background when it is too much."""
        if self._max_bytes is None:
            return
        with self._lock:
            self._new += size
            if self.sweeping or self._fits():
                return
            self.sweeping = True
        self._sweeper = threading.Thread(
            target=self._sweep_until, name="safelight-sweep", daemon=True
        )
        self._sweeper.start()

    def _fits(self) -> bool:
        if self._max_bytes is None:
            return True
        return self._bytes is not None and self._bytes + self._new <= self._max_bytes

    def _sweep_until(self) -> None:
        """Sweep until the bound holds, whatever is written meanwhile, or nothing can be removed."""
        while self.sweeping:
            removed = 0
            try:
                removed = self.sweep()
            finally:
                with self._lock:
                    self.sweeping = removed > 0 and not self._fits()

    def sweep(self) -> int:
        """Remove the least recently used variants beyond the bound; returns how many.

        What killed processes have left is removed too. Raises StoreUnavailable.
        """
        with self._lock:
            self._new = 0
        found = list(self._store.list())
        self._tidy(found)
        index = index_of(found)
        entries = [entry for entry in found if is_variant(entry.key, index)]
        total = sum(entry.size for entry in entries)
        removed = 0
        if self._max_bytes is not None and total > self._max_bytes:
            for entry in sorted(entries, key=lambda entry: entry.used):
                if total <= self._max_bytes * _SWEPT_TO:
                    break
                try:
                    self._let_go(entry.key, index)
                except StoreUnavailable:
                    break
                total -= entry.size
                removed += 1
        with self._lock:
            self._bytes = total
        return removed

    def _let_go(self, path: str, index: dict[str, list[str]]) -> None:
        self._store.delete(path)
        for entry in index.get(path_mark(path), ()):
            self._store.delete(entry)

    def _tidy(self, found: Iterable[Entry]) -> None:
        long_ago = time.time() - _ABANDONED_SECONDS
        self._store.tidy(long_ago)
        for entry in found:
            if entry.key.startswith(LEASE) and entry.used < long_ago:
                with suppress(StoreUnavailable):
                    self._store.delete(entry.key)


def index_of(found: Iterable[Entry]) -> dict[str, list[str]]:
    """Gather the entries that tell of paths, by the marks of these."""
    index: dict[str, list[str]] = {}
    for entry in found:
        if entry.key.startswith(f"{INDEX}/"):
            mark = entry.key.rpartition("/")[2].partition("-")[0]
            index.setdefault(mark, []).append(entry.key)
    return index


def is_variant(path: str, index: dict[str, list[str]]) -> bool:
    """Tell whether an object is a variant: by its own place, or because an entry says so."""
    if path.startswith(f"{INDEX}/"):
        return False
    return f"{MARK}/" in path or path_mark(path) in index

"""Variants of sources that have changed or are gone: removed when that is noticed."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

from safelight.errors import StoreUnavailable
from safelight.variants import Variants

log = logging.getLogger("safelight")

_SEEN = 8_192
_MOST_WAITING = 256


class Outdated:
    """What version of each source was seen last, and what is done when it is another one."""

    def __init__(self, variants: Variants, removed: Callable[[str, list[str]], object]) -> None:
        """Remove outdated variants of a store, one source after the other, in a thread.

        ``removed`` is told of each source, and where its variants were.
        """
        self._variants = variants
        self._removed = removed
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, str] = OrderedDict()
        self._waiting = 0
        self._threads = ThreadPoolExecutor(1, "safelight-outdated")

    def close(self) -> None:
        """Drop what waits."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def settle(self, deadline: float) -> None:
        """Wait until nothing waits to be removed, at most until a time of ``time.monotonic()``."""
        if self._waiting:
            last = self._threads.submit(lambda: None)
            wait([last], max(0.0, deadline - time.monotonic()))

    def saw(self, source: str, version: str | None) -> None:
        """Note the version of a source, None when there is none; never waits, never fails."""
        before = self._seen.get(source)
        if before == version:
            return
        with self._lock:
            if version is None:
                self._seen.pop(source, None)
            else:
                self._seen[source] = version
                while len(self._seen) > _SEEN:
                    self._seen.popitem(last=False)
            # What has to wait too long is left to the bound of the store.
            if before is None or self._waiting >= _MOST_WAITING:
                return
            self._waiting += 1
        try:
            self._threads.submit(self._remove, source, version)
        except RuntimeError:
            # Closed: nothing is begun any more.
            return

    def _remove(self, source: str, version: str | None) -> None:
        try:
            if version is None:
                removed = self._variants.purge(source)
            else:
                removed = self._variants.purge_outdated(source, version)
            self._removed(source, removed)
        except StoreUnavailable as error:
            log.warning("old variants of %s stay: %s", source, error.detail)
        finally:
            with self._lock:
                self._waiting -= 1

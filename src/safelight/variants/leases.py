"""Who makes a variant, among all processes on all machines that share a store.

The right is an object that only one can create. Whoever has it writes it anew now and then; who
waits for it sees that, by their own clock and nobody else's: a lease that has not changed for its
``seconds`` belongs to somebody who is dead, or as good as dead.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safelight.errors import NotFound, StoreUnavailable
from safelight.storage import Store
from safelight.variants.layout import LEASE, VariantKey

# How long those who wait trust a lease that does not change, and how often it is written.
LEASE_SECONDS = 3.0
_BEATS = 4
_WATCHED = 1_024


class Leases:
    """The rights to make variants, kept in their store."""

    def __init__(self, store: Store, *, seconds: float = LEASE_SECONDS) -> None:
        """``seconds``: how long a lease holds without being written anew."""
        self._store = store
        self._seconds = seconds
        self._changed = threading.Condition()
        self._held: dict[str, float] = {}
        self._beating = False
        # Leases of others: what they were when they were last seen to change, and when that was.
        self._watched: OrderedDict[str, tuple[str, float]] = OrderedDict()

    @contextmanager
    def lease(self, key: VariantKey) -> Iterator[bool]:
        """Ask to be the only process that makes a variant; False when another one does.

        A store that cannot be written gives everyone the right: work done twice is better than not
        at all.
        """
        path = f"{LEASE}{key.name}"
        try:
            mine = self._create(path)
            if not mine and self._abandoned(path):
                self._drop(path)
                mine = self._create(path)
        except StoreUnavailable:
            yield True
            return
        if not mine:
            yield False
            return
        self._hold(path)
        try:
            yield True
        finally:
            with self._changed:
                del self._held[path]
            self._drop(path)

    def _create(self, path: str) -> bool:
        return self._store.create(path, _holder(self._seconds))

    def _abandoned(self, path: str) -> bool:
        """Tell whether the holder of a lease is dead, as it is known here or by its silence."""
        try:
            found = self._store.get(path)
        except NotFound:
            return False
        seconds = self._seconds
        # Not written to the end yet, or cut off by a crash: its silence decides.
        with suppress(ValueError, KeyError, TypeError):
            holder = json.loads(found.data)
            if holder["host"] == _HOST and not _alive(holder["pid"]):
                return True
            seconds = float(holder["seconds"])
        now = time.monotonic()
        with self._changed:
            state, since = self._watched.get(path, ("", now))
            if state != found.version:
                since = now
                self._watched[path] = (found.version, now)
                while len(self._watched) > _WATCHED:
                    self._watched.popitem(last=False)
        return now - since > seconds

    def _hold(self, path: str) -> None:
        with self._changed:
            self._held[path] = time.monotonic()
            if self._beating:
                self._changed.notify()
                return
            self._beating = True
        threading.Thread(target=self._beat, name="safelight-lease", daemon=True).start()

    def _beat(self) -> None:
        """Write anew what is held, until nothing has been for a while."""
        while True:
            pause = self._seconds / _BEATS
            with self._changed:
                if not self._held and not self._changed.wait(60.0) and not self._held:
                    self._beating = False
                    return
                old = time.monotonic() - pause
                due = [path for path, written in self._held.items() if written <= old]
            for path in due:
                self._renew(path)
            time.sleep(pause / 2)

    def _renew(self, path: str) -> None:
        with suppress(StoreUnavailable):
            self._store.put(path, _holder(self._seconds), {})
        with self._changed:
            if path in self._held:
                self._held[path] = time.monotonic()
                return
        # Given back while it was being written.
        self._drop(path)

    def _drop(self, path: str) -> None:
        with suppress(StoreUnavailable):
            self._store.delete(path)


def _holder(seconds: float) -> bytes:
    holder = {"host": _HOST, "pid": os.getpid(), "seconds": seconds, "beat": secrets.token_hex(8)}
    return json.dumps(holder).encode()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _host() -> str:
    """Name what a process's number belongs to: a machine since its start, a container in it."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return "/".join(parts)


_HOST = _host()

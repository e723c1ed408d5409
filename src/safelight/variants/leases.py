"""Who does a piece of work, among all processes on all machines that share a store.

The right is an object that only one can create. Whoever has it writes it anew now and then; who
waits for it sees that, by their own clock and nobody else's: a lease that has not changed for its
``seconds`` belongs to somebody who is dead, or as good as dead.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safelight.errors import NotFound, StoreUnavailable
from safelight.storage import Store
from safelight.variants.layout import LEASE

log = logging.getLogger("safelight")

# How long those who wait trust a lease that does not change, and how often it is written.
LEASE_SECONDS = 3.0
_BEATS = 4
_WATCHED = 1_024


class Lease:
    """A right, as far as this process knows; false where another one has it."""

    def __init__(self, seconds: float, *, mine: bool) -> None:
        """Say whether it was got; it holds for ``seconds`` since it was last ``written``."""
        self._seconds = seconds
        self._mine = mine
        self._written = _now()
        self.tried = time.monotonic()

    def __bool__(self) -> bool:
        """Tell whether the right was got."""
        return self._mine

    @property
    def sure(self) -> bool:
        """Whether nobody else can have it by now: not after a silence, such as a frozen machine."""
        ages = (now - then for now, then in zip(_now(), self._written, strict=True))
        return self._mine and max(ages) < self._seconds

    def written(self, began: tuple[float, float]) -> None:
        """Note that it was written anew by a call that ``began`` then."""
        self._written = began


class Leases:
    """Rights to do what shall be done once, kept in a store that all share."""

    def __init__(self, store: Store, *, seconds: float = LEASE_SECONDS) -> None:
        """``seconds``: how long a lease holds without being written anew."""
        self._store = store
        self._seconds = seconds
        self._changed = threading.Condition()
        self._held: dict[str, Lease] = {}
        self._beating = False
        # Leases of others: what they were when they were last seen to change, and when that was.
        self._watched: OrderedDict[str, tuple[str, float]] = OrderedDict()

    @contextmanager
    def lease(self, name: str) -> Iterator[Lease]:
        """Ask to be the only process that does what has a name; false when another one does.

        A store that cannot be written gives everyone the right: work done twice is better than not
        at all.
        """
        path = f"{LEASE}{name}"
        # Counted from before it is written: those who wait count from when they see it.
        lease = Lease(self._seconds, mine=True)
        try:
            mine = self._create(path)
            if not mine and self._abandoned(path):
                self._drop(path)
                lease = Lease(self._seconds, mine=True)
                mine = self._create(path)
        except StoreUnavailable:
            yield Lease(self._seconds, mine=True)
            return
        if not mine:
            yield Lease(self._seconds, mine=False)
            return
        try:
            self._hold(path, lease)
            yield lease
        finally:
            with self._changed:
                if self._held.get(path) is lease:
                    del self._held[path]
            # After a silence it may be somebody else's.
            if lease.sure:
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

    def _hold(self, path: str, lease: Lease) -> None:
        with self._changed:
            self._held[path] = lease
            if self._beating:
                self._changed.notify()
                return
            threading.Thread(target=self._beat, name="safelight-lease", daemon=True).start()
            self._beating = True

    def _beat(self) -> None:
        """Write anew what is held, until nothing has been for a while."""
        while True:
            pause = self._seconds / _BEATS
            with self._changed:
                if not self._held and not self._changed.wait(60.0) and not self._held:
                    self._beating = False
                    return
                old = time.monotonic() - pause
                due = [(path, lease) for path, lease in self._held.items() if lease.tried <= old]
            for path, lease in due:
                try:
                    self._renew(path, lease)
                except Exception:
                    # A store that fails as nobody foresaw costs this lease, and no other one.
                    log.exception("a lease is not written anew: %s", path)
            time.sleep(pause / 2)

    def _renew(self, path: str, lease: Lease) -> None:
        lease.tried = time.monotonic()
        if not lease.sure:
            return
        began = _now()
        with suppress(StoreUnavailable):
            self._store.put(path, _holder(self._seconds), {})
            lease.written(began)
        with self._changed:
            if path in self._held:
                return
        # Given back while it was being written.
        self._drop(path)

    def _drop(self, path: str) -> None:
        with suppress(StoreUnavailable):
            self._store.delete(path)


def _now() -> tuple[float, float]:
    """Read the clocks: one does not go on while a machine sleeps, the other may be set."""
    return time.monotonic(), time.time()


def _holder(seconds: float) -> bytes:
    holder = {"host": _HOST, "pid": os.getpid(), "seconds": seconds, "beat": uuid.uuid4().hex[:16]}
    return json.dumps(holder).encode()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _unreaped(pid)


def _unreaped(pid: int) -> bool:
    """Tell whether a process has ended and its parent has not looked; only Linux tells."""
    try:
        told = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    # Before its state stands its name, in brackets, which may hold brackets itself.
    return told.rpartition(b")")[2].split()[:1] in ([b"Z"], [b"X"])


def _host() -> str:
    """Name what a process's number belongs to: a machine since its start, a container in it."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return "/".join(parts)


_HOST = _host()

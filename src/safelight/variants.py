"""The variant store: where a variant lies, whether it is whole, who makes it, what is let go.

Layout: ``{source key}@/{version}-{variant}``. All variants of a source share a prefix, and those of
one of its versions the beginning of a name, so that either can be told and purged.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from safelight.errors import NotFound, StoreUnavailable
from safelight.formats import WRITABLE
from safelight.storage import Entry, Store

# Part of every variant key: raise it when the same transform shall give other pixels.
EPOCH = 2

_MARK = "@"
# Beside the sources, not below a folder that would be made and removed with each lease.
_LEASE = "@lease-"
_MAX_SEGMENT = 180
_MAX_PATH = 900
_REMEMBERED = 8_192
_SWEPT_TO = 0.9
_ABANDONED_SECONDS = 3_600.0
_MIMES = frozenset(format.mime for format in WRITABLE)
_TIME = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class VariantKey:
    """Where a variant lies, and the name that says which picture it is."""

    path: str
    name: str

    @property
    def etag(self) -> str:
        """The strong ETag of the picture."""
        return f'"{self.name}"'


@dataclass(frozen=True, slots=True)
class Variant:
    """A stored variant: its bytes, MIME type, and when it was made, in seconds."""

    data: bytes
    mime: str
    made: float


class Variants:
    """Stored variants in any store."""

    def __init__(self, store: Store, *, max_bytes: int, epoch: int = EPOCH) -> None:
        """Keep at most ``max_bytes``; ``epoch`` is part of every key."""
        self.store = store
        self._max_bytes = max_bytes
        self._epoch = epoch
        self._lock = threading.Lock()
        self._verified: OrderedDict[str, tuple[str, str, float]] = OrderedDict()
        # Counted by the last sweep, and written since.
        self._bytes: int | None = None
        self._new = 0
        self._sweeping = False

    def key(self, source: str, version: str, canonical: str) -> VariantKey:
        """Name the variant that a transform makes of a version of a source."""
        return _key(self._epoch, source, version, canonical)

    def lookup(self, key: VariantKey) -> Variant | None:
        """Read a variant; a broken one is removed and counts as none."""
        try:
            found = self.store.get(key.path)
        except (NotFound, StoreUnavailable):
            return None
        known = self._verified.get(key.path)
        if known and known[0] == found.version:
            return Variant(found.data, known[1], known[2])
        attributes = (
            found.attributes if found.attributes is not None else self.store.attributes(key.path)
        )
        mime, made = attributes.get("Content-Type", ""), _seconds(attributes.get("made"))
        whole = attributes.get("digest") == content_digest(found.data)
        if not whole or mime not in _MIMES or made is None:
            self._drop(key.path)
            return None
        self._remember(key.path, found.version, mime, made)
        return Variant(found.data, mime, made)

    def publish(
        self, key: VariantKey, data: bytes, mime: str, *, source: str, canonical: str
    ) -> float:
        """Store a variant whole, or not at all; returns when it was made.

        Raises StoreUnavailable.
        """
        made = time.time()
        attributes = {
            "Content-Type": mime,
            "digest": content_digest(data),
            "made": f"{made:.3f}",
            "source": source,
            "transform": canonical,
        }
        self.store.put(key.path, data, attributes)
        self._grown(len(data))
        return made

    def check(self) -> None:
        """Make sure that variants can be stored. Raises StoreUnavailable."""
        path = f"{_LEASE}check-{os.getpid()}"
        self.store.put(path, b"", {})
        self.store.delete(path)

    def purge(self, source: str) -> int:
        """Remove every variant of a source; returns how many."""
        return self._remove(prefix(source))

    def purge_all(self) -> int:
        """Remove every variant; returns how many."""
        return self._remove("")

    def _remove(self, below: str) -> int:
        paths = [entry.key for entry in self.store.list(below) if _is_variant(entry)]
        for path in paths:
            self.store.delete(path)
        return len(paths)

    @contextmanager
    def lease(self, key: VariantKey, *, until: float) -> Iterator[bool]:
        """Ask to be the only process that makes a variant.

        ``until``: the time of ``time.time()`` at which the right ends. Yields False when another
        process has it. A store that cannot be written gives everyone the right: work done twice is
        better than not at all.
        """
        path = f"{_LEASE}{key.name}"
        holder = json.dumps({"host": _HOST, "pid": os.getpid(), "until": until}).encode()
        try:
            mine = self.store.create(path, holder)
            if not mine and self._abandoned(path):
                self._drop(path)
                mine = self.store.create(path, holder)
        except StoreUnavailable:
            yield True
            return
        try:
            yield mine
        finally:
            if mine:
                self._drop(path)

    def _abandoned(self, path: str) -> bool:
        """Tell whether a lease has run out, or its holder on this machine is dead."""
        try:
            holder = json.loads(self.store.get(path).data)
            if holder["until"] < time.time():
                return True
            return bool(holder["host"] == _HOST and not _alive(holder["pid"]))
        except NotFound:
            return False
        except (ValueError, KeyError, TypeError):
            # Created and not yet written, or cut off by a crash: its age decides.
            return self.store.head(path).modified < time.time() - 1

    def _drop(self, path: str) -> None:
        """Remove an object; one that cannot be removed is no reason to fail a request."""
        with suppress(StoreUnavailable):
            self.store.delete(path)

    def _remember(self, path: str, version: str, mime: str, made: float) -> None:
        with self._lock:
            self._verified[path] = (version, mime, made)
            while len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)

    def _grown(self, size: int) -> None:
        """Count what was written, and sweep in the background when it is too much."""
        with self._lock:
            self._new += size
            if self._sweeping or self._fits():
                return
            self._sweeping = True
        threading.Thread(target=self._sweep_until, name="safelight-sweep", daemon=True).start()

    def _fits(self) -> bool:
        return self._bytes is not None and self._bytes + self._new <= self._max_bytes

    def _sweep_until(self) -> None:
        """Sweep until the bound holds, whatever is written meanwhile, or nothing can be removed."""
        while self._sweeping:
            removed = 0
            try:
                removed = self.sweep()
            finally:
                with self._lock:
                    self._sweeping = removed > 0 and not self._fits()

    def sweep(self) -> int:
        """Remove the least recently used variants beyond the size bound; returns how many.

        What killed processes have left is removed too.
        """
        with self._lock:
            self._new = 0
        found = list(self.store.list())
        self._tidy(found)
        entries = [entry for entry in found if _is_variant(entry)]
        total = sum(entry.size for entry in entries)
        removed = 0
        if total > self._max_bytes:
            for entry in sorted(entries, key=lambda entry: entry.used):
                if total <= self._max_bytes * _SWEPT_TO:
                    break
                try:
                    self.store.delete(entry.key)
                except StoreUnavailable:
                    break
                total -= entry.size
                removed += 1
        with self._lock:
            self._bytes = total
        return removed

    def _tidy(self, found: list[Entry]) -> None:
        long_ago = time.time() - _ABANDONED_SECONDS
        self.store.tidy(long_ago)
        for entry in found:
            if entry.key.startswith(_LEASE) and entry.used < long_ago:
                self._drop(entry.key)


def _is_variant(entry: Entry) -> bool:
    return f"{_MARK}/" in entry.key


@lru_cache(maxsize=4_096)
def _key(epoch: int, source: str, version: str, canonical: str) -> VariantKey:
    versioned = _digest(f"{epoch}\n{version}", 8)
    variant = _digest(f"{epoch}\n{source}\n{version}\n{canonical}", 16)
    return VariantKey(f"{prefix(source)}/{versioned}-{variant}", variant)


def prefix(source: str) -> str:
    """Name the prefix of all variants of a source, safe in every store and file system."""
    path = "/".join(_segment(part) for part in source.split("/"))
    if len(path) > _MAX_PATH:
        path = f"~{_digest(source, 16)}"
    return f"{path}{_MARK}"


def _segment(part: str) -> str:
    encoded = quote(part, safe="").replace("~", "%7E")
    if len(encoded) > _MAX_SEGMENT:
        return f"~{_digest(part, 16)}"
    return encoded


def content_digest(data: bytes) -> str:
    """Fingerprint bytes, to notice when a stored object is not what was written."""
    return hashlib.sha256(data).hexdigest()


def _seconds(text: object) -> float | None:
    """Read a time; None when there is none."""
    return float(text) if isinstance(text, str) and _TIME.fullmatch(text) else None


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


_HOST = socket.gethostname()

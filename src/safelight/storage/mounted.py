"""Several stores as one, told apart by how a key begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from safelight.errors import NotFound, StoreUnavailable
from safelight.storage.store import Entry, Opened, Source, Stat, missing


class Mount(msgspec.Struct, frozen=True):
    """A store for the keys that begin with ``prefix``.

    There they go without it, unless ``whole``: then the prefix is part of the store's own keys.
    """

    prefix: str
    store: Source
    whole: bool = False


class Mounted:
    """A store, and others at prefixes of its keys; what it has itself below one is not seen."""

    def __init__(self, store: Source, mounts: Sequence[Mount]) -> None:
        """Serve ``mounts``, the longest prefix first, and ``store`` for all other keys."""
        self._store = store
        self._mounts = sorted(mounts, key=lambda mount: len(mount.prefix), reverse=True)

    @property
    def local(self) -> bool:
        """Whether no store waits for a network."""
        return all(store.local for store in self._stores)

    @property
    def _stores(self) -> list[Source]:
        return [self._store, *(mount.store for mount in self._mounts)]

    def check(self) -> None:
        """Check every store; the reason of an error names the prefix."""
        self._store.check()
        for mount in self._mounts:
            try:
                mount.store.check()
            except StoreUnavailable as error:
                raise StoreUnavailable(error.detail, f"{mount.prefix}: {error.reason}") from error

    def head(self, key: str) -> Stat:
        """Look an object up where its key leads."""
        with self._at(key) as (store, inner):
            return store.head(inner)

    def open(self, key: str) -> Opened:
        """Open an object where its key leads."""
        with self._at(key) as (store, inner):
            return store.open(inner)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """List every store that has keys below a prefix, with their whole keys."""
        below = f"{prefix}/" if prefix else ""
        mount = self._mount_of(below)
        if mount is not None:
            inner = below if mount.whole else below.removeprefix(mount.prefix)
            yield from _outside(mount, inner.rstrip("/"))
            return
        for entry in self._store.list(prefix):
            if self._mount_of(entry.key) is None:
                yield entry
        for mount in self._mounts:
            if mount.prefix.startswith(below):
                yield from _outside(mount, "")

    def _mount_of(self, key: str) -> Mount | None:
        return next((mount for mount in self._mounts if key.startswith(mount.prefix)), None)

    @contextmanager
    def _at(self, key: str) -> Iterator[tuple[Source, str]]:
        """Find the store of a key and its key there; what is missing has its whole key."""
        mount = self._mount_of(key)
        if mount is None or mount.whole:
            yield (mount.store if mount else self._store), key
            return
        try:
            yield mount.store, key.removeprefix(mount.prefix)
        except NotFound:
            raise missing(key) from None


def _outside(mount: Mount, prefix: str) -> Iterator[Entry]:
    for entry in mount.store.list(prefix):
        key = entry.key if mount.whole else mount.prefix + entry.key
        yield Entry(key, entry.size, entry.used)

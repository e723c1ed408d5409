"""The variant store: where a variant lies, whether it is whole, who makes it, what is let go."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from contextlib import AbstractContextManager, suppress

import msgspec

from safelight.errors import NotFound, StoreUnavailable
from safelight.formats import WRITABLE
from safelight.storage import Store, read_back
from safelight.variants.bound import Bound
from safelight.variants.layout import (
    EPOCH,
    LEASE,
    VariantKey,
    cache_tags,
    content_digest,
    folder_tags,
    prefix,
    preset_tag,
    source_tag,
    variant_key,
    version_mark,
)
from safelight.variants.leases import LEASE_SECONDS, Lease, Leases
from safelight.variants.purge import Purge
from safelight.variants.texts import entry_of, seconds_of

__all__ = [
    "EPOCH",
    "Variant",
    "VariantKey",
    "Variants",
    "cache_tags",
    "content_digest",
    "folder_tags",
    "prefix",
    "preset_tag",
    "source_tag",
]

_REMEMBERED = 8_192
_MIMES = frozenset(format.mime for format in WRITABLE)


class Variant(msgspec.Struct, frozen=True):
    """A stored variant: its bytes, MIME type, and when it was made, in seconds."""

    data: bytes
    mime: str
    made: float


class _Verified(msgspec.Struct, frozen=True):
    state: str
    name: str
    mime: str
    made: float


class Variants:
    """Stored variants in any store."""

    def __init__(
        self,
        store: Store,
        *,
        max_bytes: int | None,
        epoch: int = EPOCH,
        by_path: bool = False,
        cache_control: str = "",
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """Keep at most ``max_bytes``, None for all; ``epoch`` is part of every key.

        ``by_path``: variants lie under what was asked for, where that can be. ``cache_control``
        is kept with each, for whoever serves the store.
        """
        self.store = store
        self.by_path = by_path
        self._epoch = epoch
        self._cache_control = cache_control
        self._lock = threading.Lock()
        self._verified: OrderedDict[str, _Verified] = OrderedDict()
        self._leases = Leases(store, seconds=lease_seconds)
        self.bound = Bound(store, max_bytes)
        self._purge = Purge(store)

    def key(
        self,
        source: str,
        version: str,
        canonical: str,
        *,
        others: tuple[str, ...] = (),
        presets: tuple[str, ...] = (),
        path: str = "",
    ) -> VariantKey:
        """Name the variant that a transform makes of a version of a source.

        ``others``: the versions of the other pictures in it. ``presets`` are those that were named.
        ``path``: what was asked for, decoded, where the variant may lie under it.
        """
        below = path if self.by_path else ""
        return variant_key(self._epoch, source, version, others, canonical, presets, below)

    def lookup(self, key: VariantKey) -> Variant | None:
        """Read a variant; a broken one is removed and counts as none."""
        try:
            found = self.store.get(key.path)
        except (NotFound, StoreUnavailable):
            return None
        known = self._verified.get(key.path)
        if known and known.state == found.version and known.name == key.name:
            return Variant(found.data, known.mime, known.made)
        attributes = (
            found.attributes if found.attributes is not None else self.store.attributes(key.path)
        )
        if key.index and attributes.get("variant") != key.name:
            # Of an old version or another transform; or no variant at all, and not ours to remove.
            return None
        mime, made = attributes.get("Content-Type", ""), seconds_of(attributes.get("made"))
        whole = attributes.get("digest") == content_digest(found.data)
        if not whole or mime not in _MIMES or made is None:
            self._drop(key.path)
            return None
        self._remember(key.path, _Verified(found.version, key.name, mime, made))
        return Variant(found.data, mime, made)

    def readable(self, key: VariantKey) -> bool:
        """Tell whether there is something to read under a key, without reading it."""
        try:
            self.store.head(key.path)
        except (NotFound, StoreUnavailable):
            return False
        return True

    def publish(
        self,
        key: VariantKey,
        data: bytes,
        mime: str,
        *,
        source: str,
        canonical: str,
        version: str = "",
    ) -> float:
        """Store a variant whole, or not at all; returns when it was made.

        Raises StoreUnavailable, also where something lies that is no variant.
        """
        made = time.time()
        attributes = {
            "Content-Type": mime,
            "digest": content_digest(data),
            "made": f"{made:.3f}",
            "variant": key.name,
            "version": version,
            "source": source,
            "transform": canonical,
        }
        if self._cache_control:
            attributes["Cache-Control"] = self._cache_control
        if key.index:
            self._refuse_strange(key.path)
            # First the entry: a variant that nothing tells of could not be purged.
            self.store.put(key.index, entry_of(key.path), {"Content-Type": "application/json"})
        self.store.put(key.path, data, attributes)
        self.bound.grown(len(data))
        return made

    def lease(self, key: VariantKey) -> AbstractContextManager[Lease]:
        """Ask to be the only process that makes a variant; False when another one does."""
        return self._leases.lease(key.name)

    def check(self) -> None:
        """Make sure that variants can be stored and read back. Raises StoreUnavailable."""
        read_back(self.store, f"{LEASE}check-{os.getpid()}")

    def sweep(self) -> int:
        """Remove the least recently used variants beyond the bound; returns how many."""
        return self.bound.sweep()

    def purge(self, source: str) -> list[str]:
        """Remove every variant of a source; returns where they were. Raises StoreUnavailable."""
        return self._purge.source(source)

    def purge_outdated(self, source: str, version: str) -> list[str]:
        """Remove the variants of other versions of a source. Raises StoreUnavailable."""
        return self._purge.source(source, kept=version_mark(self._epoch, version))

    def purge_prefix(self, sources: str) -> list[str]:
        """Remove the variants of all sources whose keys begin so. Raises StoreUnavailable.

        Of keys that are too long for a store it may remove more: they are only made again.
        """
        return self._purge.prefix(sources)

    def purge_preset(self, preset: str) -> list[str]:
        """Remove the variants that were asked for by a preset. Raises StoreUnavailable."""
        return self._purge.preset(preset)

    def purge_all(self) -> list[str]:
        """Remove every variant. Raises StoreUnavailable."""
        return self._purge.prefix("")

    def _refuse_strange(self, path: str) -> None:
        """Never write over what is no variant, such as somebody's original."""
        try:
            self.store.head(path)
        except NotFound:
            return
        if "variant" not in self.store.attributes(path):
            raise StoreUnavailable("something that is no variant lies there")

    def _drop(self, path: str) -> None:
        """Remove an object; one that cannot be removed is no reason to fail a request."""
        with suppress(StoreUnavailable):
            self.store.delete(path)

    def _remember(self, path: str, verified: _Verified) -> None:
        with self._lock:
            self._verified[path] = verified
            while len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)

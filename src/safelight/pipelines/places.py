"""Stores by their URLs: where sources are, where outputs go, and which bucket an event means."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from safelight.errors import NotFound
from safelight.events import Event
from safelight.storage import Entry, Opened, Stat, Store
from safelight.storage.addresses import Address
from safelight.storage.store import missing

# Whose buckets a store of a kind stands for: the first word of an event's origin.
_KINDS = {"azure": "az", "gcs": "gs", "cos": "cos"}
_LOCAL = "local"


class Place(msgspec.Struct, frozen=True):
    """A store with its URL and what that says; of a folder the prefix is its whole path."""

    url: str
    address: Address
    store: Store


class Places:
    """Open each store once."""

    def __init__(self, opened: Callable[[str], Place]) -> None:
        """Open stores with ``opened``, which raises SettingError."""
        self._opened = opened
        self._lock = threading.Lock()
        self._places: dict[str, Place] = {}

    def at(self, url: str) -> Place:
        """Give the store of a URL. Raises SettingError."""
        with self._lock:
            if url not in self._places:
                self._places[url] = self._opened(url)
            return self._places[url]

    def all(self) -> list[Place]:
        """List the stores that were opened."""
        with self._lock:
            return list(self._places.values())


class Sources:
    """The places of the sources as one, as their keys tell them apart; nothing is remembered."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        """``places`` by the prefix of their keys; that of the default one is empty."""
        self._places = dict(sorted(places.items(), key=lambda item: len(item[0]), reverse=True))

    def place(self, key: str) -> tuple[Place, str]:
        """Find the place of a source, and its key there. Raises NotFound."""
        for prefix, place in self._places.items():
            if key.startswith(prefix):
                return place, key.removeprefix(prefix)
        raise missing(key)

    def below(self, on: str) -> list[tuple[str, Place]]:
        """List the places that keys with a beginning may lead to, each with its own prefix."""
        inside = next((prefix for prefix in self._places if prefix and on.startswith(prefix)), None)
        return [
            (prefix, place)
            for prefix, place in self._places.items()
            if prefix == inside or (inside is None and (not prefix or prefix.startswith(on)))
        ]

    def head(self, key: str) -> Stat:
        """Look a source up. Raises NotFound, StoreUnavailable."""
        place, inner = self.place(key)
        try:
            return place.store.head(inner)
        except NotFound:
            raise missing(key) from None

    def open(self, key: str) -> Opened:
        """Open a source. Raises NotFound, StoreUnavailable, SourceTooLarge."""
        place, inner = self.place(key)
        try:
            return place.store.open(inner)
        except NotFound:
            raise missing(key) from None

    def attributes(self, key: str) -> Mapping[str, str]:
        """Read what was put beside a source; empty when nothing was, or it is gone."""
        place, inner = self.place(key)
        try:
            return place.store.attributes(inner)
        except NotFound:
            return {}

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """List the sources whose keys begin so; not those that a named source hides."""
        for _, entries in self.listings(prefix):
            yield from entries

    def listings(self, prefix: str) -> Iterator[tuple[Place, Iterator[Entry]]]:
        """List the same place by place: where one is out of reach, others can be had."""
        for own, place in self.below(prefix):
            yield place, self._listed(own, place, prefix)

    def _listed(self, own: str, place: Place, prefix: str) -> Iterator[Entry]:
        folder = prefix.rpartition("/")[0]
        inner = folder.removeprefix(own.rstrip("/")).strip("/") if own else folder
        for entry in place.store.list(inner if len(prefix) > len(own) else ""):
            key = own + entry.key
            if key.startswith(prefix) and self.place(key)[0] is place:
                yield Entry(key, entry.size, entry.used)

    def keys(self, event: Event) -> Sequence[str]:
        """List the keys of the sources that an event speaks of: none of a strange bucket."""
        if event.origin == _LOCAL:
            return [event.key]
        kind = kind_of(event.origin)
        found = []
        for own, place in self._places.items():
            address = place.address
            prefix = f"{address.prefix}/" if address.prefix else ""
            if (address.kind, address.name) != (kind, event.bucket):
                continue
            if event.key.startswith(prefix):
                key = own + event.key.removeprefix(prefix)
                if self.place(key)[0] is place:
                    found.append(key)
        return found


def kind_of(origin: str) -> str:
    """Name the kind of store that an event comes from, as in the URL of a store."""
    return _KINDS.get(origin.partition(":")[0], "s3")


def overlap(one: Address, other: Address) -> bool:
    """Tell whether two stores may hold the same object."""
    same = (one.kind, one.name, one.options.get("endpoint"), one.options.get("account")) == (
        other.kind,
        other.name,
        other.options.get("endpoint"),
        other.options.get("account"),
    )
    if one.kind == "memory" or not same:
        return False
    ours, theirs = f"{one.prefix}/".lstrip("/"), f"{other.prefix}/".lstrip("/")
    return ours.startswith(theirs) or theirs.startswith(ours)


def full(address: Address, key: str) -> str:
    """Write a key, or the beginning of one, as from the root of a bucket or a file system."""
    return f"{address.prefix}/{key}".lstrip("/")

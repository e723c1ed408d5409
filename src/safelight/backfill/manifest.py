"""How far a back-fill has come, kept in a store: whoever begins it again goes on from there."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from safelight.backfill.chunks import Chunk, Group
from safelight.backfill.tally import Tally
from safelight.errors import NotFound
from safelight.storage import Store

_FORM = 1


def manifest_id(*parts: str) -> str:
    """Name a back-fill by all that decides what it makes."""
    return hashlib.blake2b("\n".join(map(repr, parts)).encode(), digest_size=8).hexdigest()


class _Stored(msgspec.Struct):
    """The manifest as it lies in the store."""

    about: dict[str, str]
    began: float
    saved: float
    seconds: float
    tally: Tally
    groups: list[str]
    chunks: list[str]
    complete: bool
    failures: tuple[str, int] = ("", 0)
    form: int = _FORM


@dataclass
class Manifest:
    """What is finished of a back-fill, by the names of groups and chunks.

    ``about`` says what it is a back-fill of. ``seconds`` and ``tally`` are of all runs together.
    ``failures``: a file, and how many bytes of it are of what is finished.
    """

    about: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.time)
    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)
    failures: tuple[str, int] = ("", 0)
    complete: bool = False
    _groups: set[str] = field(default_factory=set)
    _chunks: set[str] = field(default_factory=set)

    def left(self, group: Group) -> Sequence[Chunk]:
        """Tell which chunks of a group are not finished."""
        if group.name in self._groups:
            return ()
        return tuple(chunk for chunk in group.chunks if chunk.name not in self._chunks)

    def finish(self, group: Group, chunk: Chunk, tally: Tally) -> None:
        """Note that a chunk is done."""
        self._chunks.add(chunk.name)
        self.tally += tally
        names = {chunk.name for chunk in group.chunks}
        if names <= self._chunks:
            self._chunks -= names
            self._groups.add(group.name)

    def save(self, store: Store, key: str) -> None:
        """Write it down. Raises StoreUnavailable."""
        stored = _Stored(
            self.about,
            self.began,
            time.time(),
            self.seconds,
            self.tally,
            # Of one that is complete nothing is asked but how it ended.
            [] if self.complete else sorted(self._groups),
            [] if self.complete else sorted(self._chunks),
            self.complete,
            self.failures,
        )
        store.put(key, msgspec.json.encode(stored), {"Content-Type": "application/json"})


def load(store: Store, key: str) -> Manifest | None:
    """Read a manifest; None when there is none, or none that this version understands.

    Raises StoreUnavailable.
    """
    try:
        stored = msgspec.json.decode(store.get(key).data, type=_Stored)
    except (NotFound, msgspec.DecodeError):
        return None
    if stored.form != _FORM:
        return None
    return Manifest(
        stored.about,
        stored.began,
        stored.seconds,
        stored.tally,
        stored.failures,
        stored.complete,
        set(stored.groups),
        set(stored.chunks),
    )

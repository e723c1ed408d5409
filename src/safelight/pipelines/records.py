"""What is remembered of a source in a pipeline: how far it came, and what may lie about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from safelight.errors import NotFound
from safelight.storage import Store

# Beside the variants of sources, whose names never begin so.
RECORDS = "@pipelines"

Kind: TypeAlias = Literal["output", "metadata", "letter"]
Status: TypeAlias = Literal["begun", "done", "failed", "removed"]


class Trace(msgspec.Struct, frozen=True):
    """An object that was written for a source, or may have been.

    ``variant`` names the picture, or the state that a document tells of.
    """

    kind: Kind
    store: str
    key: str
    variant: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """The store and the key."""
        return self.store, self.key


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a source came in a pipeline.

    ``state`` stands for the source's version and all that its outputs depend on. ``begun`` with
    ``by`` whom, and never ended: that one was interrupted. ``tries`` failed, ``interruptions`` did
    not end. ``traces`` is all that may lie about, with the ``stamps`` of what is done; ``faults``
    what hooks could not be told.
    """

    source: str
    pipeline: str
    status: Status
    version: str = ""
    state: str = ""
    by: str = ""
    tries: int = 0
    interruptions: int = 0
    reason: str = ""
    code: str = ""
    traces: tuple[Trace, ...] = ()
    stamps: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    schema: int = 1


class Records:
    """Records in a store."""

    def __init__(self, store: Store) -> None:
        """Keep them in a store, below a prefix of theirs."""
        self._store = store

    def get(self, pipeline: str, key: str) -> Record | None:
        """Read a record; a damaged one counts as none. Raises StoreUnavailable."""
        try:
            return msgspec.json.decode(self._store.get(_path(pipeline, key)).data, type=Record)
        except (NotFound, msgspec.MsgspecError):
            return None

    def put(self, record: Record) -> None:
        """Write a record. Raises StoreUnavailable."""
        path = _path(record.pipeline, record.source)
        self._store.put(path, msgspec.json.encode(record), {"Content-Type": "application/json"})

    def sources(self, pipeline: str) -> Iterator[str]:
        """List the sources that something may lie about of. Raises StoreUnavailable."""
        for entry in self._store.list(f"{RECORDS}/{pipeline}"):
            try:
                record = msgspec.json.decode(self._store.get(entry.key).data, type=Record)
            except (NotFound, msgspec.MsgspecError):
                continue
            if record.status != "removed":
                yield record.source

    def delete(self, pipeline: str, key: str) -> None:
        """Forget a source. Raises StoreUnavailable."""
        self._store.delete(_path(pipeline, key))


def _path(pipeline: str, key: str) -> str:
    return f"{RECORDS}/{pipeline}/{digest(key)}.json"


def digest(*parts: str) -> str:
    """Abbreviate what something is made of."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()

"""A listing of any length, cut into pieces that are the same when it is listed again.

Where a chunk ends is decided by the keys in it, not by counting from the start: a source that came
or went since the last time changes the chunk that it is in, and no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from safelight.storage import Entry

# Some seconds of work: what is lost when whoever does it is killed, and what all wait for at the
# end.
_KEYS = 32
_MOST_KEYS = 2 * _KEYS
# What is remembered of a back-fill is a name for each group that is finished.
_CHUNKS = 100
_MOST_CHUNKS = 2 * _CHUNKS


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some sources of a listing, one after the other; ``name`` says which they are."""

    keys: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Group:
    """Some chunks, one after the other; ``name`` says which they are."""

    chunks: tuple[Chunk, ...]
    name: str


def grouped(entries: Iterable[Entry]) -> Iterator[Group]:
    """Cut a listing into groups of chunks of sources; never more than one group is held."""
    chunks: list[Chunk] = []
    for chunk, last in _chunked(entries):
        chunks.append(chunk)
        if last or len(chunks) == _MOST_CHUNKS:
            yield _group(chunks)
            chunks = []
    if chunks:
        yield _group(chunks)


def _chunked(entries: Iterable[Entry]) -> Iterator[tuple[Chunk, bool]]:
    """Cut a listing into chunks; each with whether a group ends there."""
    found: list[Entry] = []
    for entry in entries:
        found.append(entry)
        mark = int.from_bytes(hashlib.blake2b(entry.key.encode(), digest_size=8).digest())
        if mark % _KEYS == 0 or len(found) == _MOST_KEYS:
            yield _chunk(found), mark % (_KEYS * _CHUNKS) == 0
            found = []
    if found:
        yield _chunk(found), False


def _chunk(found: list[Entry]) -> Chunk:
    # A source of another size is another source.
    told = "".join(f"{entry.size}:{len(entry.key)}:{entry.key}" for entry in found)
    return Chunk(tuple(entry.key for entry in found), _name(told))


def _group(chunks: list[Chunk]) -> Group:
    return Group(tuple(chunks), _name("".join(chunk.name for chunk in chunks)))


def _name(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

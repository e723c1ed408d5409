"""What a store is, and an object of it: open, read, or only looked up."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

from safelight.errors import NotFound

# A segment that is empty, "." or "..", a backslash, a control character or half a surrogate pair.
_NOT_PLAIN = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|[\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Stat(msgspec.Struct, frozen=True):
    """What is known of an object without reading it: version, size in bytes, time of change."""

    version: str
    size: int
    modified: float


class Object(msgspec.Struct, frozen=True):
    """The bytes of an object; ``version`` changes whenever they do.

    ``attributes`` is None where they have to be asked for with ``Store.attributes``.
    """

    data: bytes
    version: str
    attributes: Mapping[str, str] | None


class Entry(msgspec.Struct, frozen=True):
    """One object of a listing: its key, size in bytes and time of last use."""

    key: str
    size: int
    used: float


class Opened:
    """An object open for reading by this process or by one that the descriptor is passed to."""

    def __init__(self, descriptor: int, *, version: str | None = None) -> None:
        """Take over an open file; ``version`` is the store's, None for a file's own."""
        self.descriptor = descriptor
        self._at_open = os.fstat(descriptor)
        self.size = self._at_open.st_size
        self.modified = self._at_open.st_mtime
        self.version = version or file_version(self._at_open)

    @property
    def unchanged(self) -> bool:
        """Whether the file is still what it was when it was opened."""
        return file_version(os.fstat(self.descriptor)) == file_version(self._at_open)

    def read(self) -> bytes:
        """Read the whole object."""
        return read_descriptor(self.descriptor, self.size)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)

    def __enter__(self) -> Opened:
        """Close at the end of the block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()


class Source(Protocol):
    """What Safelight needs of a place for originals. A missing key raises NotFound."""

    @property
    def local(self) -> bool:
        """Whether calls answer at once, without waiting for a network."""

    def check(self) -> None:
        """Make sure that it answers. Raises StoreUnavailable."""

    def head(self, key: str) -> Stat:
        """Look an object up without reading it."""

    def open(self, key: str) -> Opened:
        """Open an object for reading."""

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """List the objects below a prefix of whole segments; none where nobody can tell."""


class Store(Source, Protocol):
    """What Safelight needs of a place for variants: a source that can be written."""

    def get(self, key: str) -> Object:
        """Read an object that was put; a source is read through ``open``."""

    def attributes(self, key: str) -> Mapping[str, str]:
        """Read what was put beside an object; empty when nothing was."""

    def put(self, key: str, data: bytes, attributes: Mapping[str, str]) -> None:
        """Write an object whole: a reader sees the old one or the new one, never a part.

        Names of attributes are ``Content-Type``, ``Cache-Control``, or lower-case letters and
        digits; values are any text. A store in a cloud leaves out, the longest first, what is
        more than it keeps.
        """

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one; False when somebody else has.

        ``data`` is unlike anybody else's, so that a writer whose answer got lost knows its own.
        """

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is fine."""

    def sign(self, key: str, seconds: int) -> str | None:
        """Give an address at which anybody may read an object for a time.

        None where the store has no such addresses, or cannot sign this one.
        """

    def tidy(self, before: float) -> int:
        """Remove what writes that never ended have left from before a time; returns how many."""


def is_plain_key(key: str) -> bool:
    """Tell whether a key can name an object: segments that are neither empty, dots nor control."""
    return len(key) <= 1_024 and not _NOT_PLAIN.search(key)


def opened_bytes(data: bytes, *, version: str) -> Opened:
    """Put bytes into anonymous memory, so that they can be passed on like a file."""
    descriptor = anonymous_file()
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    return Opened(descriptor, version=version)


def anonymous_file() -> int:
    """Open an empty file without a name, in memory where the system can."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("safelight", os.MFD_CLOEXEC)
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def read_descriptor(descriptor: int, size: int) -> bytes:
    """Read ``size`` bytes from the start; fewer when the file has become shorter."""
    data = os.pread(descriptor, size, 0)
    if len(data) == size:
        return data
    parts = [data]
    position = len(data)
    while data and position < size:
        data = os.pread(descriptor, size - position, position)
        parts.append(data)
        position += len(data)
    return b"".join(parts)


def file_version(found: os.stat_result) -> str:
    """Name the state of a file: another content has another name."""
    return f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"


def missing(key: str) -> NotFound:
    """Make the error for a key that names nothing."""
    return NotFound(f"there is no image {key[:200]!r}")

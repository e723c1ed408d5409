"""Where objects live: a thin layer over obstore, and a folder with what obstore's lacks.

Keys are text with ``/`` between segments, as in an object store.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import stat as stat_module
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore

from safelight.errors import NotFound, SettingError, StoreUnavailable

_TEMPORARY = ".tmp-"
_ATTRIBUTES = ".attributes"
# How exact "last used" is: touching a file at every hit would be a write per read.
_TOUCH_SECONDS = 1.0
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Stat:
    """What is known of an object without reading it: version, size in bytes, time of change."""

    version: str
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Object:
    """The bytes of an object; ``version`` changes whenever they do.

    ``attributes`` is None where they have to be asked for with ``Store.attributes``.
    """

    data: bytes
    version: str
    attributes: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Entry:
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


class Store(Protocol):
    """What Safelight needs of a place for objects. A missing key raises NotFound."""

    @property
    def local(self) -> bool:
        """Whether calls answer at once, without waiting for a network."""

    def check(self) -> None:
        """Make sure that the store answers. Raises StoreUnavailable."""

    def head(self, key: str) -> Stat:
        """Look an object up without reading it."""

    def open(self, key: str) -> Opened:
        """Open an object for reading."""

    def get(self, key: str) -> Object:
        """Read an object."""

    def attributes(self, key: str) -> Mapping[str, str]:
        """Read what was put beside an object; empty when nothing was."""

    def put(self, key: str, data: bytes, attributes: Mapping[str, str]) -> None:
        """Write an object whole: a reader sees the old one or the new one, never a part."""

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one; False when there is."""

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is fine."""

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """List the objects below a prefix of whole segments."""


def open_store(url: str, *, base: Path | None = None) -> Store:
    """Open the store that a URL names.

    ``file:./photos`` (relative to ``base``, by default the working directory) or ``memory:``.
    Raises SettingError.
    """
    parts = urlsplit(url)
    if parts.scheme == "memory":
        return ObjectStore(MemoryStore())
    if parts.scheme == "file" and not parts.netloc:
        return FolderStore((base or Path.cwd()) / unquote(parts.path))
    raise SettingError(f"{url!r} names no store: use file:./folder or memory:")


class FolderStore:
    """A folder on this machine.

    Listing and removing is obstore's. Done here is what its LocalStore does not do: staying inside
    the folder when links lead out, writing that survives a power cut, attributes (a file beside
    the object), and the time of last use.
    """

    local = True

    def __init__(self, root: Path) -> None:
        """Serve ``root``; it is made when something is put into it."""
        self.root = root.resolve()

    def check(self) -> None:
        """Make sure that the folder is there."""
        if not self.root.is_dir():
            raise StoreUnavailable(f"there is no folder {self.root}")

    def head(self, key: str) -> Stat:
        """Look a file up."""
        try:
            found = os.stat(self._path(key))
        except OSError as error:
            raise _missing(key) from error
        if not stat_module.S_ISREG(found.st_mode):
            raise _missing(key)
        return Stat(file_version(found), found.st_size, found.st_mtime)

    def open(self, key: str) -> Opened:
        """Open a regular file that lies inside the folder, links followed only within it."""
        try:
            real = os.path.realpath(self._path(key), strict=True)
            self._contain(real, key)
            # Not blocking, so that a named pipe in the folder cannot hold the server.
            descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _missing(key) from error
        try:
            if not stat_module.S_ISREG(os.fstat(descriptor).st_mode):
                raise _missing(key)
            # A folder on the way may have become a link since: ask what was really opened.
            self._contain(_opened_path(descriptor, real), key)
        except BaseException:
            os.close(descriptor)
            raise
        return Opened(descriptor)

    def get(self, key: str) -> Object:
        """Read a file, and note that it was used."""
        path = self._path(key)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _missing(key) from error
        try:
            found = os.fstat(descriptor)
            if not stat_module.S_ISREG(found.st_mode):
                raise _missing(key)
            now = time.time()
            if now - found.st_atime > _TOUCH_SECONDS:
                _touch(descriptor, now, found)
            return Object(read_descriptor(descriptor, found.st_size), file_version(found), None)
        finally:
            os.close(descriptor)

    def attributes(self, key: str) -> Mapping[str, str]:
        """Read the file of attributes; a damaged one counts as none."""
        try:
            found = json.loads(Path(self._path(key) + _ATTRIBUTES).read_bytes())
        except (OSError, ValueError):
            return {}
        return cast("Mapping[str, str]", found) if isinstance(found, dict) else {}

    def put(self, key: str, data: bytes, attributes: Mapping[str, str]) -> None:
        """Write to a temporary file, sync and rename: first the attributes, then the object."""
        path = self._path(key)
        beside = json.dumps(dict(attributes)).encode()
        try:
            _in_folder(path, lambda: _publish(path + _ATTRIBUTES, beside, sync=False))
            _in_folder(path, lambda: _publish(path, data, sync=True))
        except OSError as error:
            raise StoreUnavailable(f"the store cannot be written: {error.strerror}") from error

    def create(self, key: str, data: bytes) -> bool:
        """Write a file unless there is one."""
        path = self._path(key)
        try:
            descriptor = _in_folder(path, lambda: _new_file(path))
        except FileExistsError:
            return False
        except OSError as error:
            raise StoreUnavailable(f"the store cannot be written: {error.strerror}") from error
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
        return True

    def delete(self, key: str) -> None:
        """Remove a file and its attributes."""
        path = Path(self._path(key))
        path.unlink(missing_ok=True)
        path.with_name(path.name + _ATTRIBUTES).unlink(missing_ok=True)
        for folder in path.relative_to(self.root).parents[:-1]:
            try:
                (self.root / folder).rmdir()
            except OSError:
                # Not empty, as most folders are.
                return

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """List the files below a folder; temporary files and attributes are not objects."""
        if not self.root.is_dir():
            return
        for batch in obstore.list(LocalStore(str(self.root)), prefix or None):
            for meta in batch:
                key = meta["path"]
                name = key.rpartition("/")[2]
                if name.endswith(_ATTRIBUTES) or name.startswith(_TEMPORARY):
                    continue
                try:
                    used = os.stat(self._path(key)).st_atime
                except (OSError, NotFound):
                    continue
                yield Entry(key, meta["size"], used)

    def _path(self, key: str) -> str:
        if not is_plain_key(key):
            raise _missing(key)
        return f"{self.root}/{key}"

    def _contain(self, path: str, key: str) -> None:
        if not path.startswith(f"{self.root}/".replace("//", "/")):
            raise _missing(key)


class ObjectStore:
    """Any store of obstore's, through its synchronous calls."""

    def __init__(self, client: Any, *, local: bool = True) -> None:
        """Wrap a store; ``local`` when it is in this process."""
        self._client = client
        self.local = local

    def check(self) -> None:
        """Ask for the head of an object that need not be there."""
        with contextlib.suppress(NotFound):
            self.head("safelight-check")

    def head(self, key: str) -> Stat:
        """Ask for an object's head."""
        meta = self._call(key, obstore.head, key)
        return Stat(_remote_version(meta), meta["size"], meta["last_modified"].timestamp())

    def open(self, key: str) -> Opened:
        """Fetch an object into anonymous memory."""
        found = self.get(key)
        return opened_bytes(found.data, version=found.version)

    def get(self, key: str) -> Object:
        """Fetch an object with its attributes."""
        found = self._call(key, obstore.get, key)
        attributes = {str(name): str(value) for name, value in found.attributes.items()}
        return Object(bytes(found.bytes()), _remote_version(found.meta), attributes)

    def attributes(self, key: str) -> Mapping[str, str]:
        """Fetch the attributes of an object."""
        return self.get(key).attributes or {}

    def put(self, key: str, data: bytes, attributes: Mapping[str, str]) -> None:
        """Write an object with its attributes."""
        self._call(key, obstore.put, key, data, attributes=dict(attributes))

    def create(self, key: str, data: bytes) -> bool:
        """Write an object by a create-only put."""
        try:
            self._call(key, obstore.put, key, data, mode="create")
        except FileExistsError:
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove an object."""
        try:
            self._call(key, obstore.delete, key)
        except NotFound:
            return

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """List objects; their last use is when they were written."""
        for batch in obstore.list(self._client, prefix or None):
            for meta in batch:
                yield Entry(meta["path"], meta["size"], meta["last_modified"].timestamp())

    def _call(self, key: str, verb: Any, *arguments: Any, **options: Any) -> Any:
        if not is_plain_key(key):
            raise _missing(key)
        try:
            return verb(self._client, *arguments, **options)
        except FileNotFoundError as error:
            raise _missing(key) from error
        except obstore.exceptions.AlreadyExistsError as error:
            raise FileExistsError(key) from error
        except BaseError as error:
            # obstore's text holds the endpoint and the answer's body: not for clients.
            raise StoreUnavailable("the store does not answer") from error


def is_plain_key(key: str) -> bool:
    """Tell whether a key can name an object: segments that are neither empty, dots nor control."""
    return (
        0 < len(key) <= 1_024
        and not _CONTROL.search(key)
        and "\\" not in key
        and all(part not in ("", ".", "..") for part in key.split("/"))
    )


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


_Made = TypeVar("_Made")


def _in_folder(path: str, make: Callable[[], _Made]) -> _Made:
    """Make a file, and its folder first when it is not there or was just removed as empty."""
    for _ in range(3):
        with contextlib.suppress(FileNotFoundError):
            return make()
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    return make()


def _new_file(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)


def _publish(path: str, data: bytes, *, sync: bool) -> None:
    folder, _, name = path.rpartition("/")
    temporary = f"{folder}/{_TEMPORARY}{secrets.token_hex(8)}-{name[:100]}"
    descriptor = _new_file(temporary)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _touch(descriptor: int, now: float, found: os.stat_result) -> None:
    try:
        os.utime(descriptor, ns=(round(now * 1e9), found.st_mtime_ns))
    except OSError:
        # A read-only store still serves; what was used last is then not known.
        return


def _opened_path(descriptor: int, asked: str) -> str:
    link = f"/proc/self/fd/{descriptor}"
    return os.readlink(link) if os.path.exists(link) else asked


def _remote_version(meta: Any) -> str:
    return str(meta.get("version") or meta.get("e_tag") or meta["last_modified"].isoformat())


def _missing(key: str) -> NotFound:
    return NotFound(f"there is no image {key[:200]!r}")

"""A folder on this machine as a store."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat as stat_module
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar, cast

from safelight.errors import NotFound, StoreUnavailable
from safelight.storage.store import (
    Entry,
    Object,
    Opened,
    Stat,
    file_version,
    is_plain_key,
    missing,
    read_descriptor,
)

_TEMPORARY = ".tmp-"
_ATTRIBUTES = ".attributes"
# Of each part of a key: what file systems allow, less the suffix of the file beside it.
MOST_NAME_BYTES = 255 - len(_ATTRIBUTES)
# How exact "last used" is: touching a file at every hit would be a write per read.
_TOUCH_SECONDS = 1.0


class FolderStore:
    """A folder on this machine.

    Not obstore's LocalStore, for what that does not do: staying inside the folder when links lead
    out, writing that survives a power cut, attributes (a file beside the object), the time of last
    use, and listing past a file that it cannot name or a link that leads in a circle.
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
            raise _unreadable(key, error) from error
        if not stat_module.S_ISREG(found.st_mode):
            raise missing(key)
        return Stat(file_version(found), found.st_size, found.st_mtime)

    def open(self, key: str) -> Opened:
        """Open a regular file that lies inside the folder, links followed only within it."""
        try:
            real = os.path.realpath(self._path(key), strict=True)
            self._contain(real, key)
            # Not blocking, so that a named pipe in the folder cannot hold the server.
            descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _unreadable(key, error) from error
        try:
            if not stat_module.S_ISREG(os.fstat(descriptor).st_mode):
                raise missing(key)
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
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _unreadable(key, error) from error
        try:
            found = os.fstat(descriptor)
            if not stat_module.S_ISREG(found.st_mode):
                raise missing(key)
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
        if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()):
            return cast("Mapping[str, str]", found)
        return {}

    def put(self, key: str, data: bytes, attributes: Mapping[str, str]) -> None:
        """Write to a temporary file, sync and rename: first the attributes, then the object."""
        path = self._path(key)
        beside = json.dumps(dict(attributes)).encode()
        try:
            _in_folder(path, lambda: _publish(path + _ATTRIBUTES, beside, sync=False))
            _in_folder(path, lambda: _publish(path, data, sync=True))
        except OSError as error:
            # Attributes without their object would be counted by nobody, and stay for ever.
            with contextlib.suppress(OSError):
                os.unlink(path + _ATTRIBUTES)
            raise _unwritable(self.root, error) from error

    def create(self, key: str, data: bytes) -> bool:
        """Write a file unless there is one."""
        path = self._path(key)
        try:
            descriptor = _in_folder(path, lambda: _new_file(path))
        except FileExistsError:
            return False
        except OSError as error:
            raise _unwritable(self.root, error) from error
        try:
            _write_all(descriptor, data)
        except OSError as error:
            os.unlink(path)
            raise _unwritable(self.root, error) from error
        finally:
            os.close(descriptor)
        return True

    def delete(self, key: str) -> None:
        """Remove a file and its attributes."""
        if not is_plain_key(key):
            return
        path = Path(self._path(key))
        try:
            for name in (path, path.with_name(path.name + _ATTRIBUTES)):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    name.unlink()
        except OSError as error:
            raise _unwritable(self.root, error) from error
        for folder in path.relative_to(self.root).parents[:-1]:
            try:
                (self.root / folder).rmdir()
            except OSError:
                # Not empty, as most folders are.
                return

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """List the files below a folder; temporary files and attributes are not objects.

        Passed over is what has no key (a name that is not UTF-8) and what may not be opened.
        Linked folders are not entered: they may lead out, or round and round.
        """
        if prefix and not is_plain_key(prefix):
            return
        for folder, folders, names in os.walk(self._path(prefix) if prefix else self.root):
            folders.sort()
            below = folder[len(str(self.root)) :].strip("/")
            for name in sorted(names):
                if name.endswith(_ATTRIBUTES) or name.startswith(_TEMPORARY):
                    continue
                path = f"{folder}/{name}"
                key = f"{below}/{name}" if below else name
                try:
                    found = os.stat(path)
                    if os.path.islink(path):
                        self._contain(os.path.realpath(path), key)
                except (OSError, NotFound):
                    continue
                if stat_module.S_ISREG(found.st_mode) and is_plain_key(key):
                    yield Entry(key, found.st_size, found.st_atime)

    def sign(self, key: str, seconds: int) -> None:
        """Give no address: a folder has none of its own."""

    def tidy(self, before: float) -> int:
        """Remove what writers that were killed have left: temporary files, notes of no object."""
        removed = 0
        for folder, _, names in os.walk(self.root):
            objects = set(names)
            for name in names:
                alone = name.endswith(_ATTRIBUTES) and name[: -len(_ATTRIBUTES)] not in objects
                path = f"{folder}/{name}"
                with contextlib.suppress(OSError):
                    left = alone or name.startswith(_TEMPORARY)
                    if left and os.stat(path).st_mtime < before:
                        os.unlink(path)
                        removed += 1
        return removed

    def _path(self, key: str) -> str:
        if not is_plain_key(key):
            raise missing(key)
        return f"{self.root}/{key}"

    def _contain(self, path: str, key: str) -> None:
        if not path.startswith(f"{self.root}/".replace("//", "/")):
            raise missing(key)


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
    temporary = f"{folder}/{_TEMPORARY}{uuid.uuid4().hex[:16]}-{name[:40]}"
    descriptor = _new_file(temporary)
    try:
        try:
            _write_all(descriptor, data)
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _unreadable(key: str, error: OSError) -> NotFound | StoreUnavailable:
    """Too many open files or a failing disk says nothing about what is there."""
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO):
        return StoreUnavailable(f"the store cannot be read: {error.strerror}")
    return missing(key)


def _unwritable(root: Path, error: OSError) -> StoreUnavailable:
    said = "the store cannot be written"
    return StoreUnavailable(said, f"{said}: {error.strerror} ({root})")


def _touch(descriptor: int, now: float, found: os.stat_result) -> None:
    try:
        os.utime(descriptor, ns=(round(now * 1e9), found.st_mtime_ns))
    except OSError:
        # A read-only store still serves; what was used last is then not known.
        return


def _opened_path(descriptor: int, asked: str) -> str:
    link = f"/proc/self/fd/{descriptor}"
    return os.readlink(link) if os.path.exists(link) else asked

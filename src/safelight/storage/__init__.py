"""Where objects live: a thin layer over obstore, and a folder with what obstore's lacks.

Keys are text with ``/`` between segments, as in an object store.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from safelight.errors import SettingError
from safelight.storage.folder import FolderStore
from safelight.storage.store import (
    Entry,
    Object,
    Opened,
    Stat,
    Store,
    anonymous_file,
    opened_bytes,
    read_descriptor,
)

__all__ = [
    "Entry",
    "FolderStore",
    "Object",
    "Opened",
    "Stat",
    "Store",
    "anonymous_file",
    "open_store",
    "opened_bytes",
    "read_descriptor",
]


def open_store(url: str, *, base: Path | None = None) -> Store:
    """Open the store that a URL names.

    ``file:./photos`` (relative to ``base``, by default the working directory) or ``memory:``.
    Raises SettingError.
    """
    parts = urlsplit(url)
    if parts.scheme == "memory":
        # Imported where it is used: a folder needs neither its time nor its memory.
        from obstore.store import MemoryStore

        from safelight.storage.objects import ObjectStore

        return ObjectStore(MemoryStore())
    if parts.scheme == "file" and not parts.netloc:
        return FolderStore((base or Path.cwd()) / unquote(parts.path))
    raise SettingError(f"{url!r} names no store: use file:./folder or memory:")

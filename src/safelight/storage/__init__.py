"""Where objects live: a thin layer over obstore, and a folder with what obstore's lacks.

Keys are text with ``/`` between segments, as in an object store.
"""

from __future__ import annotations

from pathlib import Path

from safelight.storage.addresses import parse
from safelight.storage.mounted import Mount, Mounted
from safelight.storage.remembered import Remembered
from safelight.storage.store import (
    Entry,
    Object,
    Opened,
    Source,
    Stat,
    Store,
    anonymous_file,
    opened_bytes,
    read_descriptor,
)
from safelight.storage.trial import read_back

__all__ = [
    "Entry",
    "Mount",
    "Mounted",
    "Object",
    "Opened",
    "Remembered",
    "Source",
    "Stat",
    "Store",
    "anonymous_file",
    "open_store",
    "opened_bytes",
    "read_back",
    "read_descriptor",
]


def open_store(
    url: str, *, base: Path | None = None, seconds: float = 10.0, most_bytes: int | None = None
) -> Store:
    """Open the store that a URL names.

    ``file:./photos`` (relative to ``base``, by default the working directory), ``memory:``, or one
    in a cloud as in docs/stores.md. ``seconds``: how long a call may take, all its tries together.
    ``most_bytes``: what is larger is not read (SourceTooLarge). Raises SettingError.
    """
    address = parse(url)
    # Each is loaded where it is used: none needs the time and the memory of the other.
    if address.kind == "file":
        from safelight.storage.folder import FolderStore

        return FolderStore((base or Path.cwd()) / address.prefix)
    from safelight.storage.clients import connect
    from safelight.storage.objects import ObjectStore

    return ObjectStore(connect(address, seconds=seconds), address, most_bytes=most_bytes)

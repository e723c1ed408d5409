"""Files of a watched folder: which of them may be sources, and when one is whole."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from safelight.storage.store import is_plain_key

# A file's state in one number, None when there is no such file.
State: TypeAlias = int | None

# What browsers, editors and copiers call a file that is not whole yet, or a copy of their own.
_TEMPORARY_ENDS = (
    "~", ".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download",
    ".opdownload", ".swp", ".swo", ".swx", ".bak", ".attributes",
)  # fmt: skip
_LONGEST_PAUSE_SECONDS = 60.0


def is_temporary(key: str) -> bool:
    """Tell whether a key names nothing that will last: hidden files, editors' and browsers' own."""
    name = key.rpartition("/")[2]
    return (
        any(segment.startswith(".") for segment in key.split("/"))
        or name.lower().endswith(_TEMPORARY_ENDS)
        or name.startswith("~$")
        or (name.startswith("#") and name.endswith("#"))
    )


def state_of(path: str) -> tuple[State, float]:
    """Look a file up: its state, and the time of its last change in seconds of Unix."""
    try:
        found = os.stat(path)  # noqa: PTH116 - called for every file again and again
    except OSError:
        return None, 0.0
    if not stat.S_ISREG(found.st_mode):
        return None, 0.0
    # Whoever copies a file may set back its time of modification, and never that of its change.
    return (
        hash((found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)),
        max(found.st_ctime, found.st_mtime),
    )


def is_closed(path: str) -> bool:
    """Tell whether nobody has a file open for writing, where the system says so: else True.

    Linux grants a read lease only then. It grants one to the file's owner and to root, on its own
    file systems; whose files they are not, or where they lie elsewhere, is told nothing.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return True
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        # A writer who comes this instant has the holder told by a signal, which by default kills.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return True


def keys_below(root: str, folder: str = "") -> Iterator[str]:
    """List the keys of the files below a folder of ``root``; linked folders are not entered."""
    start = f"{root}/{folder}" if folder else root
    for path, folders, names in os.walk(start):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = path[len(root) :].strip("/")
        for name in sorted(names):
            key = f"{below}/{name}" if below else name
            if is_plain_key(key) and not is_temporary(key):
                yield key


@dataclass(slots=True)
class _Pending:
    state: State
    since: float
    fails: int = 0
    not_before: float = 0.0


class Settling:
    """Keys whose files have changed, until they have been at rest for a moment.

    Times are of ``time.monotonic()``.
    """

    def __init__(
        self,
        seconds: float,
        state_of: Callable[[str], tuple[State, float]],
        closed: Callable[[str], bool],
    ) -> None:
        """``state_of`` and ``closed`` are asked about keys."""
        self._seconds = seconds
        self._state_of = state_of
        self._closed = closed
        self._pending: dict[str, _Pending] = {}

    def __len__(self) -> int:
        """Count the keys that wait."""
        return len(self._pending)

    def note(self, key: str, *, now: float, wall: float) -> None:
        """Begin to wait for a key; ``wall`` is now in seconds of Unix.

        A file that was last changed long ago has been at rest since.
        """
        state, changed = self._state_of(key)
        rested = min(max(wall - changed, 0.0), self._seconds) if state is not None else 0.0
        known = self._pending.get(key)
        fails = known.fails if known and known.state == state else 0
        self._pending[key] = _Pending(state, now - rested, fails)

    def again(self, key: str, *, now: float, fails: int) -> None:
        """Wait for a key whose ``fails``-th try has failed, longer each time."""
        if key not in self._pending:
            state, _ = self._state_of(key)
            pause = min(0.25 * 2.0**fails, _LONGEST_PAUSE_SECONDS)
            self._pending[key] = _Pending(state, now - self._seconds, fails, now + pause)

    def settled(
        self, *, now: float, most: int, busy: Collection[str] = ()
    ) -> list[tuple[str, State, int]]:
        """Take up to ``most`` keys that are at rest: each with its state and how often it failed.

        ``busy`` are those that are worked on.
        """
        found: list[tuple[str, State, int]] = []
        for key, waiting in self._pending.items():
            if len(found) >= most:
                break
            if key in busy or now < waiting.not_before:
                continue
            state, _ = self._state_of(key)
            if state != waiting.state:
                waiting.state, waiting.since, waiting.fails = state, now, 0
            if now - waiting.since >= self._seconds and (state is None or self._closed(key)):
                found.append((key, state, waiting.fails))
        for key, _, _ in found:
            del self._pending[key]
        return found

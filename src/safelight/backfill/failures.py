"""What failed, in a file: a line of JSON for each source."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from safelight.backfill.tally import Failure

_KNOWN = ("", 0)
# Of each line.
_BEGINNING = b'{"key": '


class FailuresFile:
    """A file of failures; there is none as long as nothing has failed."""

    def __init__(self, path: Path, known: tuple[str, int] = _KNOWN) -> None:
        """Begin a file, or go on with one of which ``known`` says so many bytes count.

        What is to be tried again is not kept. Raises OSError: where it cannot be written, and where
        something else is in it.
        """
        self._path = path
        if path.exists() and not _is_ours(path):
            raise FileExistsError(errno.EEXIST, "something else is in this file", str(path))
        kept = list(_kept(path, known[1])) if known[0] == str(path.resolve()) else []
        path.write_bytes(b"".join(kept))
        if not kept:
            path.unlink()

    def add(self, failures: Sequence[Failure]) -> None:
        """Write failures down. Raises OSError."""
        with self._path.open("a", encoding="utf-8") as file:
            for failure in failures:
                said = {"key": failure.key, "reason": failure.reason, "again": failure.again}
                file.write(f"{json.dumps(said, ensure_ascii=False)}\n")

    @property
    def known(self) -> tuple[str, int]:
        """Where it is and how long it is now, for who goes on later."""
        if not self._path.exists():
            return _KNOWN
        return str(self._path.resolve()), self._path.stat().st_size


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_BEGINNING)) in (b"", _BEGINNING)


def _kept(path: Path, size: int) -> Iterator[bytes]:
    if not path.exists():
        return
    with path.open("rb") as file:
        while size > 0 and (line := file.readline(size)):
            size -= len(line)
            if not _is_again(line):
                yield line


def _is_again(line: bytes) -> bool:
    """Tell whether a line is of what is tried again, or none of ours."""
    try:
        said = json.loads(line)
    except ValueError:
        return True
    return not isinstance(said, dict) or bool(said.get("again"))

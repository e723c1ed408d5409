"""Variants that are removed on purpose: of a source, of many, of a preset, or all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from safelight.errors import NotFound
from safelight.storage import Store
from safelight.variants.layout import INDEX, LONG, MARK, prefix, preset_tag, segment, tags_of
from safelight.variants.texts import path_of

# A store far away takes its time for each.
_AT_ONCE = 16


class Purge:
    """Remove variants of both layouts, and nothing else."""

    def __init__(self, store: Store) -> None:
        """Remove them from a store."""
        self._store = store

    def source(self, key: str, *, kept: str = "") -> list[str]:
        """Remove the variants of a source, but for those of the version that is marked ``kept``.

        Returns where they were. Raises StoreUnavailable.
        """
        below = prefix(key)
        own = [path for path in self._list(below) if not _of_version(path, kept)]
        entries = self._list(f"{INDEX}/{below}")
        told = [entry for entry in entries if not _of_entry(entry, kept)]
        return self._remove(own, told, entries)

    def prefix(self, sources: str) -> list[str]:
        """Remove the variants of the sources whose keys begin so. Raises as ``source`` does."""
        return self._where(_folders(sources), lambda path: _begins(path, sources))

    def preset(self, name: str) -> list[str]:
        """Remove the variants that were asked for by a preset. Raises as ``source`` does."""
        return self._where([""], lambda path: preset_tag(name) in tags_of(path))

    def _where(self, folders: list[str], wanted: Callable[[str], bool]) -> list[str]:
        own: set[str] = set()
        entries: set[str] = set()
        for folder in folders:
            found = self._list(folder)
            own.update(path for path in found if f"{MARK}/" in path and path[:1] != MARK)
            own.update(path for path in found if path.startswith(f"{LONG}/"))
            entries.update(path for path in found if path.startswith(f"{INDEX}/"))
            if folder:
                entries.update(self._list(f"{INDEX}/{folder}"))
        told = [entry for entry in entries if wanted(entry[len(INDEX) + 1 :])]
        return self._remove([path for path in own if wanted(path)], told, entries)

    def _list(self, below: str) -> list[str]:
        return [entry.key for entry in self._store.list(below)]

    def _remove(self, own: Iterable[str], told: list[str], entries: Iterable[str]) -> list[str]:
        """Remove variants, and those that entries tell of with their entries."""
        # Under one path another version may lie by now, of which another entry tells.
        stay = {_path_mark(entry) for entry in set(entries) - set(told)}
        with ThreadPoolExecutor(1 if self._store.local else _AT_ONCE) as threads:
            paths = list(threads.map(self._told, told))
            gone = {
                path
                for path, entry in zip(paths, told, strict=True)
                if path and _path_mark(entry) not in stay
            }
            removed = [*own, *sorted(gone)]
            list(threads.map(self._store.delete, removed))
            # Last, so that what could not be removed is found the next time.
            list(threads.map(self._store.delete, told))
        return removed

    def _told(self, entry: str) -> str | None:
        """Read where the variant of an entry lies; None when something else lies there."""
        try:
            path = path_of(self._store.get(entry).data)
            if path is None:
                return None
            self._store.head(path)
            return path if "variant" in self._store.attributes(path) else None
        except NotFound:
            return None


def _of_version(path: str, mark: str) -> bool:
    return bool(mark) and path.rpartition("/")[2].startswith(f"{mark}-")


def _of_entry(entry: str, mark: str) -> bool:
    return bool(mark) and entry.rpartition("/")[2].split("-")[1] == mark


def _path_mark(entry: str) -> str:
    return entry.rpartition("/")[2].partition("-")[0]


def _folders(sources: str) -> list[str]:
    """Name the folders that may hold the variants of sources whose keys begin so."""
    folder = "/".join(map(segment, sources.split("/")[:-1]))
    return [folder, LONG] if folder else [""]


def _begins(path: str, sources: str) -> bool:
    """Tell whether the variant at a path is of a source whose key begins so, or may be."""
    source = path.rpartition(f"{MARK}/")[0].split("/")
    if source[0] == LONG:
        return True
    *whole, part = sources.split("/")
    if source[: len(whole)] != list(map(segment, whole)) or len(source) <= len(whole):
        return False
    return source[len(whole)].startswith(("~", segment(part)) if part else "")

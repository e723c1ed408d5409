"""What is written into a folder survives a power cut: it is on the disk before it has its name."""

import os
from pathlib import Path

import pytest

from safelight.errors import StoreUnavailable
from safelight.storage.folder import FolderStore


def test_an_object_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    named: list[tuple[str, bool]] = []
    sync, rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        sync(descriptor)

    def renamed(source: str, target: str) -> None:
        named.append((Path(target).name, Path(source).stat().st_ino in synced))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", renamed)
    FolderStore(tmp_path).put("cat.jpg", b"picture", {"digest": "1"})
    # What is said of it may get lost: then it counts as damaged, and is made again.
    assert named == [("cat.jpg.attributes", False), ("cat.jpg", True)]


def test_what_did_not_get_to_the_disk_has_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(5, "the disk is failing")

    store = FolderStore(tmp_path)
    store.put("cat.jpg", b"old", {})
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StoreUnavailable):
        store.put("cat.jpg", b"new", {})
    assert store.get("cat.jpg").data == b"old"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".tmp-")] == []

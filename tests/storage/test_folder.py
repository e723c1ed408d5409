"""A folder as a store: what other programs may have put there, and what a crash may leave."""

import errno
import os
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from safelight.errors import NotFound, StoreUnavailable
from safelight.storage import open_store
from safelight.storage.folder import FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """Give a store in a folder that is there, beside one with a secret."""
    (tmp_path / "objects").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.jpg").write_bytes(b"secret")
    return FolderStore(tmp_path / "objects")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every write fail as on a full disk: a disk cannot be filled in a test of a moment."""

    def write(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", write)


def looked_up_and_opened(store: FolderStore, key: str) -> None:
    """Ask as the service does: the bytes come only through `open`."""
    store.head(key)
    store.open(key)


def files(store: FolderStore) -> list[str]:
    return sorted(str(p.relative_to(store.root)) for p in store.root.rglob("*") if p.is_file())


def keys(store: FolderStore) -> list[str]:
    return sorted(entry.key for entry in store.list())


@pytest.mark.parametrize(
    ("link", "target", "key"),
    [
        ("leak.jpg", "../outside/secret.jpg", "leak.jpg"),
        ("elsewhere", "../outside", "elsewhere/secret.jpg"),
        ("up", "..", "up/outside/secret.jpg"),
        ("nowhere.jpg", "gone.jpg", "nowhere.jpg"),
        ("round.jpg", "round.jpg", "round.jpg"),
    ],
)
def test_a_link_that_leads_out_or_nowhere_names_nothing(
    store: FolderStore, link: str, target: str, key: str
) -> None:
    (store.root / link).symlink_to(target)
    with pytest.raises(NotFound):
        looked_up_and_opened(store, key)
    assert keys(store) == []


def test_an_absolute_link_that_leads_out_names_nothing(store: FolderStore, tmp_path: Path) -> None:
    (store.root / "leak.jpg").symlink_to(tmp_path / "outside" / "secret.jpg")
    with pytest.raises(NotFound):
        store.open("leak.jpg")


def test_a_folder_whose_name_begins_like_the_root_is_outside(tmp_path: Path) -> None:
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects-private").mkdir()
    (tmp_path / "objects-private" / "a.jpg").write_bytes(b"secret")
    (tmp_path / "objects" / "leak.jpg").symlink_to("../objects-private/a.jpg")
    with pytest.raises(NotFound):
        FolderStore(tmp_path / "objects").open("leak.jpg")


def test_a_link_inside_the_folder_is_followed(store: FolderStore) -> None:
    (store.root / "cats").mkdir()
    (store.root / "cats" / "tabby.jpg").write_bytes(b"tabby")
    (store.root / "best.jpg").symlink_to("cats/tabby.jpg")
    (store.root / "pets").symlink_to("cats")
    for key in ("best.jpg", "pets/tabby.jpg"):
        with store.open(key) as opened:
            assert opened.read() == b"tabby"
            assert store.head(key).version == opened.version
    assert keys(store) == ["best.jpg", "cats/tabby.jpg"]


def test_a_root_that_is_a_link_itself_is_fine(store: FolderStore, tmp_path: Path) -> None:
    (store.root / "cat.jpg").write_bytes(b"cat")
    (tmp_path / "link").symlink_to("objects")
    linked = open_store("file:./link", base=tmp_path)
    with linked.open("cat.jpg") as opened:
        assert opened.read() == b"cat"


def test_a_folder_or_a_pipe_is_no_object_and_holds_nobody_up(store: FolderStore) -> None:
    (store.root / "folder.jpg").mkdir()
    os.mkfifo(store.root / "pipe.jpg")
    for key in ("folder.jpg", "pipe.jpg"):
        for ask in (store.head, store.open, store.get):
            with pytest.raises(NotFound):
                ask(key)
    assert keys(store) == []


def test_a_listing_passes_over_what_has_no_key_and_does_not_go_in_circles(
    store: FolderStore,
) -> None:
    (store.root / "a.jpg").write_bytes(b"a")
    (store.root / "sub").mkdir()
    (store.root / "sub" / "b.jpg").write_bytes(b"b")
    (store.root / "sub" / "loop").symlink_to("../sub")
    (store.root / "loop").symlink_to(".")
    for name in (b"latin-1 \xe9.jpg", b"tab\t.jpg", b"back\\slash.jpg"):
        (store.root / os.fsdecode(name)).write_bytes(b"x")
    unnamed = store.root / os.fsdecode(b"\xff")
    unnamed.mkdir()
    (unnamed / "c.jpg").write_bytes(b"x")
    assert keys(store) == ["a.jpg", "sub/b.jpg"]
    assert list(store.list("..")) == list(store.list("../outside")) == []


def test_a_listing_of_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(FolderStore(tmp_path / "gone").list()) == []


def test_a_folder_that_is_not_there_fails_its_check_by_name(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"there is no folder .*/gone"):
        FolderStore(tmp_path / "gone").check()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable):
        FolderStore(tmp_path / "file").check()


def test_a_failed_put_leaves_nothing_and_says_why(store: FolderStore, full_disk: None) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be written: No space left on device"):
        store.put("cats/tabby.jpg", b"picture", {"digest": "1"})
    assert files(store) == []


def test_a_failed_create_leaves_nothing_and_says_why(store: FolderStore, full_disk: None) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        store.create("lease", b"me")
    assert files(store) == []


def test_a_put_that_fails_at_its_last_step_leaves_nothing(store: FolderStore) -> None:
    (store.root / "cats").mkdir()
    with pytest.raises(StoreUnavailable):
        store.put("cats", b"picture", {"digest": "1"})
    with pytest.raises(StoreUnavailable):
        store.create("a" * 300, b"")
    assert files(store) == []


def test_writing_below_a_file_is_refused_as_unavailable(store: FolderStore) -> None:
    store.put("cat.jpg", b"picture", {})
    for write in (lambda: store.put("cat.jpg/1", b"", {}), lambda: store.create("cat.jpg/1", b"")):
        with pytest.raises(StoreUnavailable):
            write()


def test_removing_a_folder_is_refused_and_its_objects_stay(store: FolderStore) -> None:
    store.put("cats/tabby.jpg", b"picture", {})
    with pytest.raises(StoreUnavailable):
        store.delete("cats")
    assert keys(store) == ["cats/tabby.jpg"]


def test_a_reader_sees_the_old_object_or_the_new_one_never_a_part(store: FolderStore) -> None:
    contents = {bytes([65 + number]) * (200_000 + number) for number in range(4)}
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for content in contents:
                store.put("cat.jpg", content, {})

    store.put("cat.jpg", next(iter(contents)), {})
    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = {store.get("cat.jpg").data for _ in range(300)}
    finally:
        stop.set()
        writer.join()
    assert seen <= contents


def test_no_temporary_file_and_no_attributes_are_listed_as_objects(store: FolderStore) -> None:
    store.put("cat.jpg", b"picture", {"digest": "1"})
    (store.root / ".tmp-0011-cat.jpg").write_bytes(b"left by a crash")
    assert keys(store) == ["cat.jpg"]
    assert files(store) == [".tmp-0011-cat.jpg", "cat.jpg", "cat.jpg.attributes"]


def test_a_long_name_is_stored_like_any_other(store: FolderStore) -> None:
    key = "猫" * 80
    store.put(key, b"picture", {"digest": "1"})
    assert store.attributes(key) == {"digest": "1"}


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"\x00" * 40]
)
def test_damaged_attributes_count_as_none(store: FolderStore, damage: bytes) -> None:
    store.put("cat.jpg", b"picture", {"digest": "1"})
    (store.root / "cat.jpg.attributes").write_bytes(damage)
    assert store.attributes("cat.jpg") == {}


def test_reading_notes_the_last_use_and_keeps_the_version(store: FolderStore) -> None:
    store.put("cat.jpg", b"picture", {})
    path = store.root / "cat.jpg"
    changed = path.stat().st_mtime_ns
    os.utime(path, ns=(10**18, changed))
    version = store.head("cat.jpg").version
    assert next(store.list()).used == 1e9

    store.get("cat.jpg")

    assert time.time() - next(store.list()).used < 60
    assert path.stat().st_mtime_ns == changed
    assert store.head("cat.jpg").version == version


def test_looking_is_no_use(store: FolderStore) -> None:
    store.put("cat.jpg", b"picture", {})
    path = store.root / "cat.jpg"
    os.utime(path, ns=(10**18, path.stat().st_mtime_ns))
    store.head("cat.jpg")
    assert next(store.list()).used == 1e9


def test_folders_go_with_their_last_object_and_the_root_stays(store: FolderStore) -> None:
    store.put("a/b/c/one.jpg", b"1", {"digest": "1"})
    store.put("a/two.jpg", b"2", {"digest": "1"})
    store.delete("a/b/c/one.jpg")
    assert files(store) == ["a/two.jpg", "a/two.jpg.attributes"]
    assert not (store.root / "a" / "b").exists()
    store.delete("a/two.jpg")
    assert store.root.is_dir()
    assert list(store.root.iterdir()) == []


def test_a_path_with_spaces_and_escapes_is_opened_through_its_url(tmp_path: Path) -> None:
    folder = tmp_path / "näh 100%"
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(b"cat")
    assert open_store(f"file:{quote(str(folder))}").head("cat.jpg").size == 3
    assert open_store(f"file:./{quote(folder.name)}", base=tmp_path).head("cat.jpg").size == 3

"""Several stores as one."""

from pathlib import Path

import pytest

from safelight.errors import NotFound, StoreUnavailable
from safelight.storage import Mount, Mounted, Source, Store, open_store
from safelight.storage.folder import FolderStore

KEYS = ("cat.jpg", "cats/a.jpg", "archive/b.jpg", "archive/deep/c.jpg", "archive2/d.jpg")


@pytest.fixture
def archive() -> Store:
    return open_store("memory:")


@pytest.fixture
def default() -> Store:
    return open_store("memory:")


@pytest.fixture
def store(default: Store, archive: Store) -> Mounted:
    """Give a store with another at ``archive/``, an object at each of KEYS."""
    for key in KEYS:
        below = key.startswith("archive/")
        (archive if below else default).put(key.removeprefix("archive/"), key.encode(), {})
    return Mounted(default, [Mount("archive/", archive)])


def keys(store: Source, prefix: str = "") -> list[str]:
    return sorted(entry.key for entry in store.list(prefix))


def test_a_key_leads_where_its_prefix_says(store: Mounted, default: Store, archive: Store) -> None:
    assert keys(archive) == ["b.jpg", "deep/c.jpg"]
    assert keys(default) == ["archive2/d.jpg", "cat.jpg", "cats/a.jpg"]
    for key in KEYS:
        assert store.head(key).size == len(key)
        with store.open(key) as opened:
            assert opened.read() == key.encode()


def test_a_listing_has_whole_keys(store: Mounted) -> None:
    assert keys(store) == sorted(KEYS)
    assert keys(store, "archive") == ["archive/b.jpg", "archive/deep/c.jpg"]
    assert keys(store, "archive/deep") == ["archive/deep/c.jpg"]
    assert keys(store, "archive2") == ["archive2/d.jpg"]
    assert keys(store, "cats") == ["cats/a.jpg"]
    assert keys(store, "dogs") == []


def test_what_a_mount_hides_is_not_seen(store: Mounted, default: Store) -> None:
    default.put("archive/hidden.jpg", b"", {})
    assert keys(store) == sorted(KEYS)
    with pytest.raises(NotFound):
        store.head("archive/hidden.jpg")


def test_what_is_missing_is_told_by_its_whole_key(store: Mounted) -> None:
    for key in ("archive/x.jpg", "x.jpg", "archive/../cat.jpg", "archive/", "archive"):
        for ask in (store.head, store.open):
            with pytest.raises(NotFound) as caught:
                ask(key)
            assert repr(key) in caught.value.detail


def test_a_mount_may_keep_whole_keys() -> None:
    whole = open_store("memory:")
    store = Mounted(open_store("memory:"), [Mount("a/", whole, whole=True)])
    whole.put("a/cat.jpg", b"1", {})
    assert store.head("a/cat.jpg").size == 1
    assert keys(whole) == keys(store) == keys(store, "a") == ["a/cat.jpg"]


def test_the_longest_prefix_counts() -> None:
    inner, outer = open_store("memory:"), open_store("memory:")
    store = Mounted(open_store("memory:"), [Mount("a/", outer), Mount("a/b/", inner)])
    inner.put("cat.jpg", b"inner", {})
    outer.put("b/cat.jpg", b"hidden", {})
    assert store.head("a/b/cat.jpg").size == 5


def test_a_check_names_the_mount_that_fails(tmp_path: Path) -> None:
    gone = FolderStore(tmp_path / "gone")
    with pytest.raises(StoreUnavailable) as caught:
        Mounted(open_store("memory:"), [Mount("archive/", gone)]).check()
    assert caught.value.reason == f"archive/: there is no folder {tmp_path}/gone"
    with pytest.raises(StoreUnavailable, match=r"^there is no folder"):
        Mounted(gone, [Mount("archive/", open_store("memory:"))]).check()
    Mounted(open_store("memory:"), [Mount("archive/", open_store("memory:"))]).check()


def test_one_store_that_waits_for_a_network_is_enough_to_wait() -> None:
    memory, cloud = open_store("memory:"), open_store("s3://photos?anonymous=true")
    assert Mounted(memory, [Mount("a/", memory)]).local
    assert not Mounted(memory, [Mount("a/", cloud)]).local
    assert not Mounted(cloud, [Mount("a/", memory)]).local

"""What every store does, whatever it keeps objects in."""

import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import NotFound, SettingError
from safelight.storage import Opened, Store, open_store, opened_bytes, read_descriptor
from safelight.storage.store import is_plain_key

ODD_KEYS = (
    "cat.jpg",
    "no suffix",
    "a cat/näher & größer.jpg",
    "日本/100% #1?.jpg",
    "%2e%2e/%41.jpg",
    "one+one@home~;=!$'(),*.jpg",
    "e\N{COMBINING ACUTE ACCENT}.jpg",
    ".hidden/...jpg",
    "deep/" * 40 + "x.jpg",
)
NO_KEYS = (
    "",
    "/",
    "/cat.jpg",
    "cat.jpg/",
    "a//b",
    ".",
    "..",
    "../cat.jpg",
    "a/../b",
    "a/./b",
    "a/..",
    "a\\b",
    "..\\b",
    "a\x00b",
    "a\nb",
    "a\x7fb",
    "a\x85b",
    "a\ud800b",
    "x" * 1_025,
)
ATTRIBUTES = {"Content-Type": "image/jpeg", "digest": "näh"}


@pytest.mark.parametrize("key", ODD_KEYS)
def test_what_was_put_is_read_back_whatever_its_key(store: Store, key: str) -> None:
    store.put(key, b"picture", ATTRIBUTES)

    found = store.get(key)
    with store.open(key) as opened:
        assert opened.read() == found.data == b"picture"
    assert dict(store.attributes(key)) == ATTRIBUTES
    assert store.head(key).size == 7
    assert [entry.key for entry in store.list()] == [key]
    assert store.create(key, b"other") is False

    store.delete(key)
    assert list(store.list()) == []


@pytest.mark.parametrize("key", NO_KEYS)
def test_a_key_that_leads_astray_names_nothing(store: Store, key: str) -> None:
    asking: list[Callable[[str], object]] = [
        store.head,
        store.get,
        store.open,
        lambda key: store.put(key, b"", {}),
        lambda key: store.create(key, b""),
    ]
    for ask in asking:
        with pytest.raises(NotFound):
            ask(key)
    store.delete(key)
    assert list(store.list()) == []


def test_a_missing_object_is_not_found(store: Store) -> None:
    store.put("a/cat.jpg", b"picture", {})
    for key in ("dog.jpg", "a", "a/cat.jpg/tail", "a/cat"):
        for ask in (store.head, store.get, store.open):
            with pytest.raises(NotFound, match="there is no image"):
                ask(key)
        store.delete("dog.jpg")
    assert store.get("a/cat.jpg").data == b"picture"


def test_the_error_for_a_missing_object_shows_no_more_than_the_start_of_a_long_key(
    store: Store,
) -> None:
    with pytest.raises(NotFound) as caught:
        store.head("k" * 1_000)
    assert len(caught.value.detail) < 300


def test_the_version_is_the_same_by_head_get_and_open_and_changes_with_the_bytes(
    store: Store,
) -> None:
    versions = []
    for content in (b"one", b"two", b"three"):
        store.put("cat.jpg", content, {})
        with store.open("cat.jpg") as opened:
            assert store.head("cat.jpg").version == store.get("cat.jpg").version == opened.version
        versions.append(store.head("cat.jpg").version)
    assert len(set(versions)) == 3


def test_an_object_that_is_put_again_has_only_the_new_attributes(store: Store) -> None:
    store.put("cat.jpg", b"one", {**ATTRIBUTES, "source": "1"})
    store.put("cat.jpg", b"two", {"digest": "2"})
    found = dict(store.attributes("cat.jpg"))
    # Clouds say of every object that it has some type.
    assert found.pop("Content-Type", None) != "image/jpeg"
    assert found == {"digest": "2"}


def test_an_empty_object_is_an_object(store: Store) -> None:
    store.put("empty", b"", {})
    assert store.get("empty").data == b""
    with store.open("empty") as opened:
        assert opened.read() == b""


def test_only_the_first_creates_an_object(store: Store) -> None:
    assert store.create("lease", b"first") is True
    assert store.create("lease", b"second") is False
    assert store.get("lease").data == b"first"
    store.delete("lease")
    assert store.create("lease", b"third") is True


def test_removing_what_is_not_there_is_fine(store: Store) -> None:
    store.delete("cat.jpg")
    store.put("cat.jpg", b"picture", {})
    store.delete("cat.jpg")
    store.delete("cat.jpg")
    store.delete("cat.jpg/below")
    with pytest.raises(NotFound):
        store.head("cat.jpg")


def test_a_listing_takes_a_prefix_of_whole_segments(store: Store) -> None:
    for key in ("cats/a.jpg", "cats/deep/b.jpg", "cats2/c.jpg", "d.jpg"):
        store.put(key, b"12345", {})
    listed = sorted(entry.key for entry in store.list("cats"))
    assert listed == ["cats/a.jpg", "cats/deep/b.jpg"]
    assert len(list(store.list())) == 4
    assert list(store.list("dogs")) == []
    assert {entry.size for entry in store.list()} == {5}


def test_an_open_object_is_read_whole_after_it_was_replaced_or_removed(store: Store) -> None:
    store.put("cat.jpg", b"first", {})
    with store.open("cat.jpg") as opened:
        store.put("cat.jpg", b"the second", {})
        assert opened.read() == b"first"
        store.delete("cat.jpg")
        assert opened.read() == b"first"


def test_a_store_that_is_there_passes_its_check(store: Store) -> None:
    store.put("cat.jpg", b"picture", {})
    store.check()


def test_opened_bytes_can_be_passed_on_like_a_file() -> None:
    content = os.urandom(300_000)
    with opened_bytes(content, version="v1") as opened:
        assert (opened.size, opened.version, opened.unchanged) == (300_000, "v1", True)
        assert opened.read() == opened.read() == content
        assert read_descriptor(opened.descriptor, 10) == content[:10]
        assert read_descriptor(opened.descriptor, 400_000) == content


def test_an_open_file_notices_that_it_was_written_to(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("open") / "cat.jpg"
    path.write_bytes(b"first")
    with Opened(os.open(path, os.O_RDONLY)) as opened:
        assert opened.unchanged
        path.write_bytes(b"another")
        assert not opened.unchanged


@pytest.mark.parametrize(
    "url", ["", "photos", "ftp://host/photos", "file://host/photos", "https://host/", "S4://a", ":"]
)
def test_a_url_that_names_no_store_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(SettingError, match=r"names no store: use file:\./folder"):
        open_store(url)


@given(st.text(max_size=40))
def test_a_plain_key_stays_below_its_root_and_reads_back_as_text(key: str) -> None:
    if not is_plain_key(key):
        return
    root = "/root/of/all"
    assert os.path.normpath(f"{root}/{key}") == f"{root}/{key}"
    assert key.encode().decode() == key
    assert key.isprintable() or not any(ord(c) < 32 for c in key)


@given(st.lists(st.sampled_from(["", ".", "..", "a", "b.jpg", "..."]), max_size=6))
def test_dot_segments_are_in_no_plain_key(parts: list[str]) -> None:
    allowed = bool(parts) and not {"", ".", ".."} & set(parts)
    assert is_plain_key("/".join(parts)) is allowed

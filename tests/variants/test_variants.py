"""Stored variants: where they lie, and that a broken one is never served."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import StoreUnavailable
from safelight.remote import is_remote
from safelight.storage import open_store
from safelight.storage.folder import FolderStore
from safelight.storage.store import is_plain_key
from safelight.variants import EPOCH, Variants, prefix
from tests.support.stored import PICTURE, opened_again, publish, stored
from tests.support.strategies import remotes

# The key


def test_a_key_depends_on_source_version_transform_and_epoch(folder: FolderStore) -> None:
    now, later = (Variants(folder, max_bytes=1, epoch=EPOCH + n) for n in (0, 1))
    keys = [
        now.key("cat.jpg", "1", "w=1"),
        now.key("dog.jpg", "1", "w=1"),
        now.key("cat.jpg", "2", "w=1"),
        now.key("cat.jpg", "1", "w=2"),
        later.key("cat.jpg", "1", "w=1"),
    ]
    assert len({key.path for key in keys}) == len({key.etag for key in keys}) == 5
    assert now.key("cat.jpg", "1", "w=1") == keys[0]


def test_parts_of_a_key_cannot_be_shifted_into_each_other(variants: Variants) -> None:
    assert variants.key("a", "b", "c").name != variants.key("a", "bc", "").name
    assert variants.key("a", "", "b").name != variants.key("a", "b", "").name


def test_an_etag_is_a_strong_one(variants: Variants) -> None:
    etag = variants.key("cat.jpg", "1", "w=1").etag
    assert etag.startswith('"')
    assert etag.endswith('"')
    assert etag[1:-1].isalnum()


def test_variants_of_one_source_share_a_prefix_and_of_one_version_another(
    variants: Variants,
) -> None:
    first, second = variants.key("a/cat.jpg", "1", "w=1"), variants.key("a/cat.jpg", "1", "w=2")
    other = variants.key("a/cat.jpg", "2", "w=1")
    assert prefix("a/cat.jpg") == "a/cat.jpg@"
    version = first.path.partition("-")[0]
    assert second.path.startswith(f"{version}-")
    assert not other.path.startswith(f"{version}-")
    assert all(key.path.startswith("a/cat.jpg@/") for key in (first, second, other))


SEGMENTS = st.text(
    st.one_of(
        st.sampled_from("@~%. +#?\\"),
        st.characters(codec="utf-8", exclude_characters="/", exclude_categories=["Cc", "Cs"]),
    ),
    min_size=1,
    max_size=300,
)
SOURCES = st.one_of(st.lists(SEGMENTS, min_size=1, max_size=12).map("/".join), remotes())


@given(SOURCES)
def test_a_prefix_is_a_plain_key_with_short_ascii_segments(source: str) -> None:
    if not (is_plain_key(source) or is_remote(source)):
        return
    path = prefix(source)
    assert is_plain_key(f"{path}/{'0' * 16}/{'0' * 32}")
    assert path.isascii()
    assert max(map(len, path.split("/"))) <= 200


@given(SOURCES, SOURCES)
def test_two_sources_have_two_prefixes_neither_inside_the_other(one: str, other: str) -> None:
    if one != other:
        assert not f"{prefix(one)}/".startswith(f"{prefix(other)}/")
        assert not f"{prefix(other)}/".startswith(f"{prefix(one)}/")


@pytest.mark.parametrize(
    "source",
    [
        "@",
        "@lease-x",
        "a/@/b.jpg",
        "~x",
        "a.attributes",
        ".tmp-x/y",
        "猫" * 80,
        "猫" * 20 + "/x" * 400,
        "https://images.example.com:8443/a/a%20cat.jpg?page=2",
        "https://[2001:db8::1]/" + "a/" * 600 + "cat.jpg",
    ],
)
def test_a_source_may_be_called_what_it_likes(variants: Variants, source: str) -> None:
    key = publish(variants, source)
    found = opened_again(variants).lookup(key)
    assert found is not None
    assert found.data == PICTURE
    assert variants.purge(source) == [key.path]


# Verified on every read


def test_what_was_published_is_found_with_type_and_time(variants: Variants) -> None:
    before = time.time()
    key = publish(variants, "cat.jpg")
    for each in (variants, variants, opened_again(variants)):
        found = each.lookup(key)
        assert found is not None
        assert (found.data, found.mime) == (PICTURE, "image/jpeg")
        assert before - 1 <= found.made <= time.time() + 1


def test_a_variant_that_nobody_made_is_not_found(variants: Variants) -> None:
    assert variants.lookup(variants.key("cat.jpg", "1", "w=1")) is None


def truncated(data: bytes) -> bytes:
    return data[:-1]


def zeroed(data: bytes) -> bytes:
    return bytes(len(data))


def flipped(data: bytes) -> bytes:
    return data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]


def emptied(data: bytes) -> bytes:
    return b""


def grown(data: bytes) -> bytes:
    return data + b"\x00"


@pytest.mark.parametrize("damage", [truncated, zeroed, flipped, emptied, grown])
@pytest.mark.parametrize("looked_at_before", [True, False])
def test_a_damaged_variant_is_noticed_removed_and_made_again(
    variants: Variants,
    folder: FolderStore,
    damage: Callable[[bytes], bytes],
    looked_at_before: bool,
) -> None:
    key = publish(variants, "cat.jpg")
    if looked_at_before:
        assert variants.lookup(key) is not None
    path = folder.root / key.path
    path.write_bytes(damage(path.read_bytes()))

    assert variants.lookup(key) is None
    assert stored(folder) == []

    publish(variants, "cat.jpg")
    assert variants.lookup(key) is not None


def changed_attributes(**changes: object) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps(json.loads(data) | changes).encode()


@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        zeroed,
        emptied,
        lambda data: b"[]",
        lambda data: b"{}",
        changed_attributes(digest="0" * 64),
        changed_attributes(digest=None),
        changed_attributes(made="yesterday"),
        changed_attributes(made="nan"),
        changed_attributes(made=5),
        changed_attributes(**{"Content-Type": "text/html"}),
        changed_attributes(**{"Content-Type": ["image/jpeg"]}),
    ],
)
def test_a_variant_with_damaged_attributes_is_removed(
    variants: Variants, folder: FolderStore, damage: Callable[[bytes], bytes]
) -> None:
    key = publish(variants, "cat.jpg")
    path = folder.root / f"{key.path}.attributes"
    path.write_bytes(damage(path.read_bytes()))
    assert opened_again(variants).lookup(key) is None
    assert list(folder.root.rglob("*.attributes")) == []


def test_a_variant_without_attributes_is_removed(variants: Variants, folder: FolderStore) -> None:
    key = publish(variants, "cat.jpg")
    (folder.root / f"{key.path}.attributes").unlink()
    assert opened_again(variants).lookup(key) is None
    assert stored(folder) == []


def test_a_damaged_variant_that_cannot_be_removed_is_not_served_either(
    variants: Variants, folder: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = publish(variants, "cat.jpg")
    (folder.root / key.path).write_bytes(b"broken")

    def refuse(key: str) -> None:
        raise StoreUnavailable("the store cannot be written")

    # A read-only file system, which root in a container could write to all the same.
    monkeypatch.setattr(folder, "delete", refuse)
    assert variants.lookup(key) is None


def test_a_store_in_memory_keeps_variants_the_same_way() -> None:
    variants = Variants(open_store("memory:"), max_bytes=10**9)
    key = publish(variants, "näh & co/cat.jpg")
    for each in (variants, opened_again(variants)):
        found = each.lookup(key)
        assert found is not None
        assert (found.data, found.mime) == (PICTURE, "image/jpeg")
    assert variants.purge("näh & co/cat.jpg") == [key.path]


def test_publishing_into_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    variants = Variants(FolderStore(tmp_path / "file" / "variants"), max_bytes=1)
    with pytest.raises(StoreUnavailable):
        publish(variants, "cat.jpg")
    with pytest.raises(StoreUnavailable):
        variants.check()

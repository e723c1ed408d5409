"""Variants that lie under what was asked for, where a web server on the store finds them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import StoreUnavailable
from safelight.storage import Store, open_store
from safelight.storage.folder import FolderStore
from safelight.storage.store import is_plain_key
from safelight.variants import VariantKey, Variants
from safelight.variants.layout import can_be_path
from tests.support.stored import PICTURE, stored

PATH = "w=1/cat.jpg"


@pytest.fixture(params=["file:./variants", "memory:"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Give an empty store, of each kind in turn."""
    return open_store(str(request.param), base=tmp_path)


def by_path(store: Store, **options: object) -> Variants:
    return Variants(store, max_bytes=10**9, by_path=True, **options)  # type: ignore[arg-type]


def publish(
    variants: Variants,
    path: str = PATH,
    source: str = "cat.jpg",
    version: str = "v",
    canonical: str = "w=1",
    presets: tuple[str, ...] = (),
) -> VariantKey:
    key = variants.key(source, version, canonical, presets=presets, path=path)
    variants.publish(key, PICTURE, "image/jpeg", source=source, canonical=canonical)
    return key


def test_a_variant_lies_under_its_path_with_an_entry_that_tells_of_it(store: Store) -> None:
    variants = by_path(store)
    key = publish(variants)
    assert key.path == PATH
    assert stored(store) == [key.index, PATH]
    assert key.index.startswith("@index/cat.jpg@/")
    for each in (variants, by_path(store)):
        found = each.lookup(key)
        assert found is not None
        assert (found.data, found.mime) == (PICTURE, "image/jpeg")


def test_a_variant_of_an_old_version_is_noticed_and_made_anew(store: Store) -> None:
    variants = by_path(store)
    old = publish(variants, version="1")
    assert variants.lookup(old) is not None
    new = variants.key("cat.jpg", "2", "w=1", path=PATH)
    assert new.path == old.path
    assert new.etag != old.etag
    for each in (variants, by_path(store)):
        assert each.lookup(new) is None
    assert PATH in stored(store)

    publish(variants, version="2")
    assert variants.lookup(new) is not None
    for each in (variants, by_path(store)):
        assert each.lookup(old) is None


def test_another_transform_under_the_same_path_is_noticed(store: Store) -> None:
    publish(by_path(store), path="thumb/cat.jpg", canonical="w=1")
    changed = by_path(store).key("cat.jpg", "v", "w=2", path="thumb/cat.jpg")
    assert by_path(store).lookup(changed) is None


def test_what_is_no_variant_is_never_served_removed_or_written_over(store: Store) -> None:
    store.put(PATH, b"an original", {"Content-Type": "image/jpeg"})
    variants = by_path(store)
    key = variants.key("cat.jpg", "v", "w=1", path=PATH)
    assert variants.lookup(key) is None
    with pytest.raises(StoreUnavailable, match="no variant"):
        publish(variants)
    variants.purge("cat.jpg")
    variants.purge_all()
    assert store.get(PATH).data == b"an original"


def test_a_damaged_variant_is_removed_and_made_again(tmp_path: Path) -> None:
    folder = FolderStore(tmp_path / "variants")
    key = publish(by_path(folder))
    (folder.root / PATH).write_bytes(PICTURE[:-1])
    assert by_path(folder).lookup(key) is None
    assert PATH not in stored(folder)
    publish(by_path(folder))
    assert by_path(folder).lookup(key) is not None


@pytest.mark.parametrize(
    "path",
    [
        "@index/cat.jpg@/x", "@lease-x", "w=1/@/cat.jpg", ".hidden/cat.jpg", "w=1/.cat.jpg",
        "w=1/cat.jpg.attributes", "w=1/cat.attributes/x", "w=1//cat.jpg", "w=1/../cat.jpg", "/w=1",
        "w=1/cat\n.jpg", "w=1/cat\\.jpg", "w=1/" + "x" * 181, "w=1" + "/x" * 460, "",
    ],
)  # fmt: skip
def test_odd_paths_are_kept_where_their_version_belongs(store: Store, path: str) -> None:
    variants = by_path(store)
    key = variants.key("cat.jpg", "v", "w=1", path=path)
    assert key == variants.key("cat.jpg", "v", "w=1")
    assert key.path.startswith("cat.jpg@/")
    assert not key.index


@given(st.text(st.sampled_from("@.aä/ =~%+\\\n"), max_size=12))
def test_a_path_is_plain_and_never_one_of_ours(path: str) -> None:
    if can_be_path(path):
        assert is_plain_key(path)
        assert not any(part.startswith(("@", ".")) for part in path.split("/"))


def test_in_the_other_layout_the_path_does_not_matter(variants: Variants) -> None:
    assert variants.key("cat.jpg", "v", "w=1", path=PATH) == variants.key("cat.jpg", "v", "w=1")


def test_what_is_stored_says_what_it_is_and_how_long_it_may_be_kept(store: Store) -> None:
    variants = by_path(store, cache_control="public, max-age=60")
    key = variants.key("näh/cat.jpg", '"tag-1"', "text=a%2Cb", path=PATH)
    variants.publish(
        key, PICTURE, "image/webp", source="näh/cat.jpg", canonical="text=a%2Cb", version='"tag-1"'
    )
    attributes = store.attributes(PATH)
    assert attributes["Content-Type"] == "image/webp"
    assert attributes["Cache-Control"] == "public, max-age=60"
    assert attributes["version"] == '"tag-1"'
    assert attributes["source"] == "näh/cat.jpg"
    assert attributes["transform"] == "text=a%2Cb"
    assert attributes["variant"] == key.name
    # Azure takes no other names, and Tencent neither.
    assert all(name.isalpha() and name.islower() for name in set(attributes) - {
        "Content-Type", "Cache-Control",
    })  # fmt: skip


def test_a_sweep_counts_variants_by_path_and_lets_their_entries_go_too(tmp_path: Path) -> None:
    folder = FolderStore(tmp_path / "variants")
    variants = by_path(folder)
    folder.put("cat.jpg", bytes(10**6), {})
    for number in range(10):
        publish(variants, path=f"w={number}/cat.jpg")
    variants.bound._max_bytes = 5 * len(PICTURE)
    assert variants.sweep() == 6
    left = stored(folder)
    assert "cat.jpg" in left
    assert len([key for key in left if key.startswith("w=")]) == 4
    assert len([key for key in left if key.startswith("@index/")]) == 4

"""Variants that are removed on purpose, in both layouts, and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import StoreUnavailable
from safelight.storage import Store, open_store
from safelight.storage.folder import FolderStore
from safelight.variants import Variants, cache_tags, folder_tags, source_tag
from tests.support.stored import PICTURE, stored

SOURCES = ("cats/tabby.jpg", "cats/tom.jpg", "cats/tabby.jpg/below.jpg", "cat.jpg", "dogs/rex.jpg")


@pytest.fixture(params=["versioned", "path"])
def variants(request: pytest.FixtureRequest, tmp_path: Path) -> Variants:
    """Give an empty variant store of each layout in turn."""
    store = FolderStore(tmp_path / "variants")
    return Variants(store, max_bytes=None, by_path=request.param == "path")


def publish(
    variants: Variants,
    source: str,
    *presets: str,
    version: str = "v",
    canonical: str = "w=1",
    path: str = "",
) -> str:
    path = path or f"{','.join(presets) or canonical}/{source}"
    # A file and a folder of one name are too much for a file system, and no matter here.
    path = path.replace("tabby.jpg/", "tabby/")
    key = variants.key(source, version, canonical, presets=presets, path=path)
    variants.publish(key, PICTURE, "image/jpeg", source=source, canonical=canonical)
    return key.path


def left(store: Store) -> set[str]:
    return {key for key in stored(store) if not key.startswith("@index/")}


def test_of_one_source(variants: Variants) -> None:
    paths = {source: publish(variants, source) for source in SOURCES}
    more = publish(variants, "cats/tabby.jpg", canonical="w=2")
    assert sorted(variants.purge("cats/tabby.jpg")) == sorted((paths["cats/tabby.jpg"], more))
    assert left(variants.store) == {paths[source] for source in SOURCES[1:]}
    assert variants.purge("cats/tabby.jpg") == []


def test_of_what_a_source_was(variants: Variants) -> None:
    old = [publish(variants, "cat.jpg", version="1", canonical=f"w={w}") for w in (1, 2)]
    new = publish(variants, "cat.jpg", version="2", canonical="w=1")
    other = publish(variants, "dog.jpg", version="1")
    # By path the new one lies where the old one lay.
    expected = set(old) - {new}
    assert set(variants.purge_outdated("cat.jpg", "2")) == expected
    assert left(variants.store) == {new, other}
    assert variants.lookup(variants.key("cat.jpg", "2", "w=1", path="w=1/cat.jpg")) is not None
    assert set(variants.purge("cat.jpg")) == {new}


def test_of_a_new_version_with_another_watermark_nothing_is_outdated(variants: Variants) -> None:
    key = variants.key("cat.jpg", "2", "w=1", others=("7",), path="w=1/cat.jpg")
    variants.publish(key, PICTURE, "image/jpeg", source="cat.jpg", canonical="w=1")
    assert variants.purge_outdated("cat.jpg", "2") == []
    assert variants.purge_outdated("cat.jpg", "3") == [key.path]


@pytest.mark.parametrize(
    ("prefix", "removed"),
    [
        ("cats/", {0, 1, 2}),
        ("cats/tabby.jpg", {0, 2}),
        ("cats/t", {0, 1, 2}),
        ("cats/to", {1}),
        ("cat", {0, 1, 2, 3}),
        ("cats/tabby.jpg/", {2}),
        ("dogs/rex.jpg", {4}),
        ("birds/", set[int]()),
        ("", {0, 1, 2, 3, 4}),
    ],
)
def test_of_all_sources_that_begin_so(variants: Variants, prefix: str, removed: set[int]) -> None:
    paths = [publish(variants, source) for source in SOURCES]
    assert set(variants.purge_prefix(prefix)) == {paths[number] for number in removed}
    assert left(variants.store) == {p for n, p in enumerate(paths) if n not in removed}


PARTS = st.text(st.sampled_from("ab~@%é. "), min_size=1, max_size=3).filter(
    lambda part: not part.startswith(".")
)
KEYS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


@given(KEYS, st.text(st.sampled_from("ab~@%é. /"), max_size=5))
def test_a_prefix_means_how_keys_begin(key: str, prefix: str) -> None:
    variants = Variants(open_store("memory:"), max_bytes=None)
    path = publish(variants, key)
    assert variants.purge_prefix(prefix) == ([path] if key.startswith(prefix) else [])


@pytest.mark.parametrize(
    ("prefix", "removed"),
    [
        ("https://", 3),
        ("https:/", 3),
        ("https://images.example.com/", 2),
        ("https://images.example.com/a", 1),
        ("https://images", 2),
        ("https:/images", 0),
        ("http://images.example.com/", 1),
        ("http", 4),
    ],
)
def test_of_pictures_on_other_servers_by_how_their_addresses_begin(
    variants: Variants, prefix: str, removed: int
) -> None:
    for source in (
        "https://images.example.com/a/cat.jpg",
        "https://images.example.com/b/cat.jpg",
        "https://other.example.com/a/cat.jpg",
        "http://images.example.com/a/cat.jpg",
    ):
        publish(variants, source)
    assert len(variants.purge_prefix(prefix)) == removed


def test_keys_that_are_too_long_for_a_store_are_removed_by_any_prefix_that_may_be_theirs(
    variants: Variants,
) -> None:
    long = "cats" + "/猫" * 300
    wide = "cats/" + "猫" * 70 + ".jpg"
    paths = {publish(variants, source) for source in (long, wide)}
    other = publish(variants, "dogs/rex.jpg")
    assert set(variants.purge_prefix("cats/")) == paths
    assert left(variants.store) == {other}


def test_of_a_preset_whatever_else_was_asked_for(variants: Variants) -> None:
    thumbs = {
        publish(variants, "cat.jpg", "thumb"),
        publish(variants, "a/dog.jpg", "thumb"),
        publish(variants, "cat.jpg", "thumb", "soft", canonical="w=2"),
    }
    others = {publish(variants, "cat.jpg", "thumb2"), publish(variants, "cat.jpg", canonical="w=9")}
    assert set(variants.purge_preset("thumb")) == thumbs
    assert left(variants.store) == others
    assert variants.purge_preset("thumb") == []


def test_of_all_but_not_what_is_no_variant(variants: Variants) -> None:
    variants.store.put("original.jpg", b"x", {})
    paths = [publish(variants, source) for source in SOURCES]
    assert sorted(variants.purge_all()) == sorted(paths)
    assert stored(variants.store) == ["original.jpg"]


def test_a_variant_that_somebody_has_replaced_stays(tmp_path: Path) -> None:
    variants = Variants(FolderStore(tmp_path), max_bytes=None, by_path=True)
    path = publish(variants, "cat.jpg")
    variants.store.delete(path)
    variants.store.put(path, b"an original", {})
    assert variants.purge("cat.jpg") == []
    assert stored(variants.store) == [path]


def test_what_could_not_be_removed_is_found_the_next_time(
    variants: Variants, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publish(variants, "cat.jpg")

    def refuse(key: str) -> None:
        raise StoreUnavailable("the store cannot be written")

    with monkeypatch.context() as broken:
        broken.setattr(variants.store, "delete", refuse)
        with pytest.raises(StoreUnavailable):
            variants.purge("cat.jpg")
    assert variants.purge("cat.jpg") == [path]


def test_a_damaged_entry_is_removed_and_does_no_harm(tmp_path: Path) -> None:
    variants = Variants(FolderStore(tmp_path), max_bytes=None, by_path=True)
    key = variants.key("cat.jpg", "v", "w=1", path="w=1/cat.jpg")
    for data in (b"", b"[]", b'{"path": 5}', b'{"path": "../etc/passwd"}'):
        variants.store.put(key.index, data, {})
        assert variants.purge("cat.jpg") == []
        assert stored(variants.store) == []


def test_tags_are_short_and_name_source_folders_and_presets() -> None:
    tags = cache_tags("a b/é/cat.jpg", ("thumb",))
    assert len(tags) == 4
    assert tags[0] == source_tag("a b/é/cat.jpg")
    assert tags[1:3] == folder_tags("a b/é/dog.jpg") == folder_tags("a b/é/")
    assert folder_tags("cat.jpg") == []
    assert all(tag.isascii() and tag.isalnum() and len(tag) <= 17 for tag in tags)
    assert len(set(tags)) == 4
    assert len(cache_tags("a/" * 500, ())) < 10

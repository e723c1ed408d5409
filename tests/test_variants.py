"""Stored variants: where they lie, that a broken one is never served, and what is let go."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import StoreUnavailable
from safelight.storage import FolderStore, Store, open_store
from safelight.storage.store import is_plain_key
from safelight.variants import EPOCH, VariantKey, Variants, prefix
from tests.support.serving import wait_for

PICTURE = bytes(range(256)) * 40


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    """Give the folder that variants are stored in."""
    return FolderStore(tmp_path / "variants")


@pytest.fixture
def variants(folder: FolderStore) -> Variants:
    """Give an empty variant store without a bound to speak of."""
    return Variants(folder, max_bytes=10**9)


def publish(
    variants: Variants, source: str, canonical: str = "w=1", version: str = "v"
) -> VariantKey:
    key = variants.key(source, version, canonical)
    variants.publish(key, PICTURE, "image/jpeg", source=source, canonical=canonical)
    return key


def stored(store: Store) -> list[str]:
    return sorted(entry.key for entry in store.list())


def opened_again(variants: Variants) -> Variants:
    """Give the same store as a process sees it that has not verified anything yet."""
    return Variants(variants.store, max_bytes=10**9)


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
    assert prefix("a/cat.jpg") == "a/cat.jpg/@"
    assert {key.path.rpartition("/")[0] for key in (first, second)} != {
        other.path.rpartition("/")[0]
    }
    assert first.path.rpartition("/")[0] == second.path.rpartition("/")[0]
    assert all(key.path.startswith("a/cat.jpg/@/") for key in (first, second, other))


SEGMENTS = st.text(
    st.one_of(
        st.sampled_from("@~%. +#?\\"),
        st.characters(codec="utf-8", exclude_characters="/", exclude_categories=["Cc", "Cs"]),
    ),
    min_size=1,
    max_size=300,
)
SOURCES = st.lists(SEGMENTS, min_size=1, max_size=12).map("/".join)


@given(SOURCES)
def test_a_prefix_is_a_plain_key_with_short_ascii_segments(source: str) -> None:
    if not is_plain_key(source):
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
        "@leases/x",
        "a/@/b.jpg",
        "~x",
        "a.attributes",
        ".tmp-x/y",
        "猫" * 80,
        "猫" * 20 + "/x" * 400,
    ],
)
def test_a_source_may_be_called_what_it_likes(variants: Variants, source: str) -> None:
    key = publish(variants, source)
    found = opened_again(variants).lookup(key)
    assert found is not None
    assert found.data == PICTURE
    assert variants.purge(source) == 1


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
    assert variants.purge("näh & co/cat.jpg") == 1


def test_publishing_into_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    variants = Variants(FolderStore(tmp_path / "file" / "variants"), max_bytes=1)
    with pytest.raises(StoreUnavailable):
        publish(variants, "cat.jpg")
    with pytest.raises(StoreUnavailable):
        variants.check()


# The right to make one


def in_a_minute() -> float:
    return time.time() + 60


def test_only_one_has_the_right_to_make_a_variant(variants: Variants) -> None:
    key, other = variants.key("cat.jpg", "1", "w=1"), variants.key("cat.jpg", "1", "w=2")
    with variants.lease(key, until=in_a_minute()) as first:
        with variants.lease(key, until=in_a_minute()) as second:
            assert (first, second) == (True, False)
        # Who was refused gives nothing back.
        with opened_again(variants).lease(key, until=in_a_minute()) as third:
            assert third is False
        with variants.lease(other, until=in_a_minute()) as elsewhere:
            assert elsewhere is True
    with variants.lease(key, until=in_a_minute()) as again:
        assert again is True


def test_the_right_is_given_back_after_a_failure(variants: Variants, folder: FolderStore) -> None:
    key = variants.key("cat.jpg", "1", "w=1")
    with pytest.raises(ZeroDivisionError), variants.lease(key, until=in_a_minute()):
        raise ZeroDivisionError
    assert stored(folder) == []


def test_the_right_of_a_process_that_died_is_taken_over(variants: Variants) -> None:
    key = variants.key("cat.jpg", "1", "w=1")
    script = (
        "import os, sys, time; from pathlib import Path\n"
        "from safelight.storage import FolderStore; from safelight.variants import Variants\n"
        "variants = Variants(FolderStore(Path(sys.argv[1])), max_bytes=1)\n"
        "key = variants.key('cat.jpg', '1', 'w=1')\n"
        "with variants.lease(key, until=time.time() + 60) as mine:\n"
        "    print(mine, flush=True); sys.stdin.read()\n"
    )
    assert isinstance(variants.store, FolderStore)
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(variants.store.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        with variants.lease(key, until=in_a_minute()) as mine:
            assert mine is False
        holder.kill()
        holder.wait()
        with variants.lease(key, until=in_a_minute()) as mine:
            assert mine is True


@pytest.mark.parametrize(
    ("holder", "age", "taken_over"),
    [
        ({"host": "elsewhere", "pid": 1, "until": 0.0}, 0, True),
        ({"host": "elsewhere", "pid": 2**22 + 1, "until": 1e12}, 0, False),
        ({"host": "elsewhere", "pid": os.getpid(), "until": 1e12}, 3600, False),
        # Not written to the end: its age decides.
        (None, 0, False),
        (None, 60, True),
        ([], 60, True),
        ({"host": "elsewhere"}, 60, True),
        ({"host": "elsewhere", "pid": "x", "until": "soon"}, 60, True),
    ],
)
def test_a_lease_ends_with_its_time_and_another_machine_is_trusted_until_then(
    variants: Variants, folder: FolderStore, holder: object, age: float, taken_over: object
) -> None:
    key = variants.key("cat.jpg", "1", "w=1")
    path = f"@leases/{key.name}"
    folder.create(path, b"" if holder is None else json.dumps(holder).encode())
    then = time.time() - age
    os.utime(folder.root / path, (then, then))
    with variants.lease(key, until=in_a_minute()) as mine:
        assert mine is taken_over


def test_a_store_that_cannot_be_written_gives_everyone_the_right(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    variants = Variants(FolderStore(tmp_path / "file" / "variants"), max_bytes=1)
    key = variants.key("cat.jpg", "1", "w=1")
    with (
        variants.lease(key, until=in_a_minute()) as first,
        variants.lease(key, until=in_a_minute()) as second,
    ):
        assert first is second is True


def test_a_lease_is_no_variant(variants: Variants) -> None:
    with variants.lease(variants.key("cat.jpg", "1", "w=1"), until=in_a_minute()):
        assert variants.purge_all() == 0
        assert variants.sweep() == 0


# Letting go


def test_a_purge_removes_every_variant_of_one_source_and_nothing_else(
    variants: Variants, folder: FolderStore
) -> None:
    for canonical in ("w=1", "w=2"):
        for version in ("1", "2"):
            publish(variants, "cats/tabby.jpg", canonical, version)
    others = ["cats", "cats/tabby", "cats/tabby.jpg2", "cats/tabby.jpg/below.jpg", "tabby.jpg"]
    kept = [publish(variants, source).path for source in others]

    assert variants.purge("cats/tabby.jpg") == 4
    assert stored(folder) == sorted(kept)
    assert variants.purge("cats/tabby.jpg") == 0
    assert variants.purge("cats/never.jpg") == 0
    assert variants.purge_all() == len(others)
    assert stored(folder) == []


def test_a_sweep_goes_under_the_bound_and_keeps_what_was_used_last(folder: FolderStore) -> None:
    variants = Variants(folder, max_bytes=10 * len(PICTURE))
    variants._sweeping = True  # no sweep in the background: the one below is what is shown
    keys = [publish(variants, f"{number}.jpg") for number in range(15)]
    for number, key in enumerate(keys):
        path = folder.root / key.path
        os.utime(path, ns=(10**18 + number * 10**9, path.stat().st_mtime_ns))
    used = keys[0]
    assert variants.lookup(used) is not None

    assert variants.sweep() == 6

    assert stored(folder) == sorted(key.path for key in (used, *keys[7:]))
    assert sum(entry.size for entry in folder.list()) <= 0.9 * 10 * len(PICTURE)
    assert len(list(folder.root.rglob("*.attributes"))) == 9
    assert variants.sweep() == 0


def test_publishing_past_the_bound_sweeps_by_itself(folder: FolderStore) -> None:
    variants = Variants(folder, max_bytes=5 * len(PICTURE))
    for number in range(30):
        publish(variants, f"{number}.jpg")
    wait_for(lambda: sum(entry.size for entry in folder.list()) <= 5 * len(PICTURE))
    assert stored(folder)


def test_a_sweep_that_cannot_remove_anything_ends(
    folder: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(key: str) -> None:
        raise StoreUnavailable("the store cannot be written")

    variants = Variants(folder, max_bytes=1)
    monkeypatch.setattr(folder, "delete", refuse)
    publish(variants, "cat.jpg")
    wait_for(lambda: not variants._sweeping)
    assert len(stored(folder)) == 1

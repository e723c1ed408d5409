"""Who may make a variant, and which ones are let go."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from safelight.errors import StoreUnavailable
from safelight.storage import FolderStore
from safelight.variants import Variants
from tests.support.serving import wait_for
from tests.support.stored import PICTURE, opened_again, publish, stored

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
    path = f"@lease-{key.name}"
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

"""Who may make a variant, and which ones are let go."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from safelight.errors import StoreUnavailable
from safelight.storage import Store
from safelight.storage.folder import FolderStore
from safelight.variants import Variants
from safelight.variants.leases import Leases
from tests.support.serving import wait_for
from tests.support.stored import PICTURE, opened_again, publish, stored

# The right to make one


def test_only_one_has_the_right_to_make_a_variant(variants: Variants) -> None:
    key, other = variants.key("cat.jpg", "1", "w=1"), variants.key("cat.jpg", "1", "w=2")
    with variants.lease(key) as first:
        with variants.lease(key) as second:
            assert (bool(first), bool(second)) == (True, False)
        # Who was refused gives nothing back.
        with opened_again(variants).lease(key) as third:
            assert not third
        with variants.lease(other) as elsewhere:
            assert elsewhere
    with variants.lease(key) as again:
        assert again


def test_the_right_is_given_back_after_a_failure(variants: Variants, folder: FolderStore) -> None:
    key = variants.key("cat.jpg", "1", "w=1")
    with pytest.raises(ZeroDivisionError), variants.lease(key):
        raise ZeroDivisionError
    assert stored(folder) == []


def test_the_right_of_a_process_that_died_is_taken_over(variants: Variants) -> None:
    key = variants.key("cat.jpg", "1", "w=1")
    script = (
        "import sys; from pathlib import Path\n"
        "from safelight.storage.folder import FolderStore\n"
        "from safelight.variants import Variants\n"
        "variants = Variants(FolderStore(Path(sys.argv[1])), max_bytes=1)\n"
        "key = variants.key('cat.jpg', '1', 'w=1')\n"
        "with variants.lease(key) as mine:\n"
        "    print(bool(mine), flush=True); sys.stdin.read()\n"
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
        with variants.lease(key) as mine:
            assert not mine
        holder.kill()
        holder.wait()
        with variants.lease(key) as mine:
            assert mine


SECONDS = 0.2


def quick(store: Store) -> Variants:
    """See a store as a machine does on which nobody else is."""
    return Variants(store, max_bytes=10**9, lease_seconds=SECONDS)


@pytest.mark.parametrize(
    "holder",
    [
        {"host": "elsewhere", "pid": os.getpid(), "seconds": SECONDS},
        # Not written to the end.
        None,
        [],
        {"host": "elsewhere"},
        {"host": "elsewhere", "pid": "x", "seconds": "many"},
    ],
)
def test_a_lease_that_does_not_change_ends_by_the_clock_of_whoever_waits(
    folder: FolderStore, holder: object
) -> None:
    variants = quick(folder)
    key = variants.key("cat.jpg", "1", "w=1")
    path = f"@lease-{key.name}"
    folder.create(path, b"" if holder is None else json.dumps(holder).encode())
    # What the store says of its age does not count: clocks differ.
    os.utime(folder.root / path, (0, 0))
    with variants.lease(key) as mine:
        assert not mine
    time.sleep(1.5 * SECONDS)
    with variants.lease(key) as mine:
        assert mine
    # It may be being written anew when it is given back; then it goes a moment later.
    wait_for(lambda: stored(folder) == [])


def test_a_lease_that_goes_on_being_written_is_another_machines(folder: FolderStore) -> None:
    variants = quick(folder)
    key = variants.key("cat.jpg", "1", "w=1")
    path = f"@lease-{key.name}"
    for beat in range(6):
        holder = {"host": "elsewhere", "pid": 1, "seconds": SECONDS, "beat": beat}
        folder.put(path, json.dumps(holder).encode(), {})
        with variants.lease(key) as mine:
            assert not mine
        time.sleep(SECONDS / 2)


@pytest.mark.parametrize("seconds", [0.1, 60.0])
def test_the_holder_says_how_long_its_lease_is_trusted(folder: FolderStore, seconds: float) -> None:
    variants = quick(folder)
    key = variants.key("cat.jpg", "1", "w=1")
    holder = {"host": "elsewhere", "pid": 1, "seconds": seconds}
    folder.create(f"@lease-{key.name}", json.dumps(holder).encode())
    for taken_over in (False, seconds < SECONDS):
        with variants.lease(key) as mine:
            assert bool(mine) == taken_over
        time.sleep(SECONDS)


def test_a_lease_that_is_held_is_written_anew_and_gone_at_the_end(folder: FolderStore) -> None:
    holding, waiting = quick(folder), quick(folder)
    key = holding.key("cat.jpg", "1", "w=1")
    with holding.lease(key) as mine:
        assert mine
        until = time.monotonic() + 4 * SECONDS
        while time.monotonic() < until:
            with waiting.lease(key) as other:
                assert not other
            time.sleep(SECONDS / 4)
    time.sleep(SECONDS)
    assert stored(folder) == []


def test_a_store_that_cannot_be_written_gives_everyone_the_right(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    variants = Variants(FolderStore(tmp_path / "file" / "variants"), max_bytes=1)
    key = variants.key("cat.jpg", "1", "w=1")
    with (
        variants.lease(key) as first,
        variants.lease(key) as second,
    ):
        assert first
        assert second


def test_a_lease_is_no_variant(variants: Variants) -> None:
    with variants.lease(variants.key("cat.jpg", "1", "w=1")):
        assert variants.purge_all() == []
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

    assert len(variants.purge("cats/tabby.jpg")) == 4
    assert stored(folder) == sorted(kept)
    assert variants.purge("cats/tabby.jpg") == []
    assert variants.purge("cats/never.jpg") == []
    assert sorted(variants.purge_all()) == sorted(kept)
    assert stored(folder) == []


def test_a_sweep_goes_under_the_bound_and_keeps_what_was_used_last(folder: FolderStore) -> None:
    variants = Variants(folder, max_bytes=10 * len(PICTURE))
    variants.bound.sweeping = True  # no sweep in the background: the one below is what is shown
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
    wait_for(lambda: not variants.bound.sweeping)
    assert len(stored(folder)) == 1


def test_who_was_silent_for_too_long_has_lost_the_right_and_takes_nobody_elses(
    folder: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases = Leases(folder, seconds=60)
    with leases.lease("work") as mine:
        held = [mine.sure]
        later = time.monotonic() + 61, time.time() + 61
        monkeypatch.setattr("safelight.variants.leases._now", lambda: later)
        # Frozen for a while, in which somebody else has taken over.
        folder.put("@lease-work", b"somebody else's", {})
        assert [*held, mine.sure] == [True, False]
    assert folder.get("@lease-work").data == b"somebody else's"

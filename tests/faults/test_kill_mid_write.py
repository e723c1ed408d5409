"""The server is killed while it stores: what lies under a final name is whole all the same."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from safelight.storage.folder import FolderStore
from safelight.variants import Variants
from tests.support.load import Load, kinds, stored, temporary_files, told
from tests.support.serving import serving, wait_for

ROUNDS = 10
# Stores one variant after the other as the server does, and nothing else: most kills hit a write.
STORING = """
import sys
from pathlib import Path
from safelight.storage.folder import FolderStore
from safelight.variants import Variants

variants = Variants(FolderStore(Path(sys.argv[1])), max_bytes=10**9)
data = Path(sys.argv[2]).read_bytes()
print("storing", flush=True)
for number in range(10**9):
    key = variants.key(f"{number % 50}.jpg", "v", sys.argv[3])
    variants.publish(key, data + b"%d" % number, "image/jpeg", source="s", canonical="c")
"""


def path_of(number: int) -> str:
    return f"/w={10 + number % 500},q={1 + number // 500 % 100},format=webp/small.jpg"


def test_a_server_that_is_killed_while_it_stores_leaves_no_broken_variant(
    pictures: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variants = home / ".safelight/variants"
    chance = random.Random(4)
    asked = 0
    for _ in range(ROUNDS):
        with serving(pictures, home, "--workers", "2") as server:
            begun = len(stored(variants))
            start = asked
            with Load(server, lambda number: path_of(start + number), clients=4) as load:  # noqa: B023
                wait_for(lambda: len(stored(variants)) > begun + 3)  # noqa: B023
                time.sleep(chance.uniform(0, 0.05))
                server.process.send_signal(signal.SIGKILL)
                server.process.wait()
                load.stop()
            asked += len(load.outcomes)
            assert set(kinds(load.outcomes)) <= {"200", "refused", "unanswered"}
    whole = [checked(path) for path in stored(variants)]
    left = temporary_files(variants)
    # What a killed server was about to make is not blocked by its leases.
    served = serving(pictures, home, "--workers", "2")
    with served as server, Load(server, path_of, clients=4) as load:
        wait_for(lambda: len(load.outcomes) >= asked, seconds=40)
    for outcome in load.outcomes:
        assert outcome.reply is not None
        assert outcome.reply.status == 200
        decoded(outcome.reply.body)
    told(capsys, f"{ROUNDS} kills: {len(whole)} variants, all whole; {len(left)} files left over")


def test_a_process_that_is_killed_in_the_middle_of_a_write_leaves_no_broken_variant(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(5)
    folder = tmp_path / "variants"
    for number in range(40):
        command = [sys.executable, "-c", STORING, str(folder), str(pictures / "sunset.jpg")]
        process = subprocess.Popen([*command, str(number % 2)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process, process.stdout:
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.03))
            process.kill()
    variants = Variants(FolderStore(folder), max_bytes=10**9)
    left = temporary_files(folder)
    found = 0
    for number in range(50):
        for canonical in "01":
            key = variants.key(f"{number}.jpg", "v", canonical)
            variant = variants.lookup(key)
            found += variant is not None
            # What cannot be trusted is not only not served: it is not there any more.
            assert (variant is not None) == (folder / key.path).exists()
    told(capsys, f"40 kills: {found} variants whole, {len(left)} temporary files left over")
    assert found > 0


def test_what_killed_servers_left_is_removed_when_it_is_old(pictures: Path, home: Path) -> None:
    variants = home / ".safelight/variants"
    with serving(pictures, home, "--workers", "1") as server:
        server.get(path_of(0))
        (whole,) = stored(variants)
        server.process.kill()
    old = [whole.with_name(".tmp-0123456789abcdef-old"), variants / "@lease-0123"]
    new = [whole.with_name(".tmp-0123456789abcdef-new"), variants / "@lease-4567"]
    for path in (*old, *new):
        path.write_bytes(b"left over")
    for path in old:
        os.utime(path, (time.time() - 7_200, time.time() - 7_200))
    with serving(pictures, home, "--workers", "1") as server:
        server.get(path_of(1))
        wait_for(lambda: not any(path.exists() for path in old))
        # Somebody may be at work on these.
        assert all(path.exists() for path in new)
        assert server.get(path_of(0))["cache-status"] == "Safelight; hit"


def test_a_variant_that_is_cut_short_on_the_disk_is_made_again(pictures: Path, home: Path) -> None:
    variants = home / ".safelight/variants"
    with serving(pictures, home, "--workers", "1") as server:
        first = server.get(path_of(0))
        (path,) = stored(variants)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with serving(pictures, home, "--workers", "1") as server:
        again = server.get(path_of(0))
        assert again.body == first.body
        assert again["cache-status"] == "Safelight; fwd=uri-miss; stored"
        assert checked(path) == first.body
        # The same under a running server, which had found it whole before.
        path.write_bytes(b"")
        assert server.get(path_of(0)).body == first.body


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b"{}", b'{"digest": 7, "made": "now"}', None])
def test_a_variant_whose_note_is_damaged_or_lost_is_made_again(
    pictures: Path, home: Path, note: bytes | None
) -> None:
    variants = home / ".safelight/variants"
    with serving(pictures, home, "--workers", "1") as server:
        first = server.get(path_of(0))
    (path,) = stored(variants)
    beside = path.with_name(f"{path.name}.attributes")
    if note is None:
        beside.unlink()
    else:
        beside.write_bytes(note)
    with serving(pictures, home, "--workers", "1") as server:
        again = server.get(path_of(0))
        assert (again.status, again.body) == (200, first.body)


def checked(path: Path) -> bytes:
    """Compare a stored variant with the digest beside it, and decode it."""
    data = path.read_bytes()
    attributes = json.loads(path.with_name(f"{path.name}.attributes").read_bytes())
    assert sha256(data).hexdigest() == attributes["digest"], path
    decoded(data)
    return data


def decoded(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()

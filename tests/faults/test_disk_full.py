"""The disk of the variant store is full, or cannot be written: answers go out all the same."""

import contextlib
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.load import Outcome, ask, shown, stored, temporary_files, told
from tests.support.serving import Server, serving

# As PNG some 100 kB each.
PATHS = [f"/w={width},format=png/small.jpg" for width in range(240, 270)]


class SmallDisk:
    """A place that holds about 1 MB: a file system of its own, or a process that may write less."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mounted = False
        self._limited: list[int] = []
        # A write of more than the limit fails as on a full disk, for any user.
        self.limit = 60_000

    def fill(self, server: Server) -> None:
        """Leave no room."""
        if self.mounted:
            with contextlib.suppress(OSError), (self.folder / "filler").open("wb") as filler:
                while True:
                    filler.write(bytes(4_096))
                    filler.flush()
        else:
            self._bound(server.process.pid, self.limit)

    def free(self, server: Server) -> None:
        """Give the room back."""
        if self.mounted:
            (self.folder / "filler").unlink()
        else:
            self._bound(server.process.pid, resource.RLIM_INFINITY)

    @contextlib.contextmanager
    def read_only(self, server: Server) -> Iterator[None]:
        """Refuse every write for the time of the block."""
        if self.mounted:
            subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)
        else:
            self._bound(server.process.pid, 0)
        yield
        if self.mounted:
            subprocess.run(["mount", "-o", "remount,rw", str(self.folder)], check=True)
        else:
            self._bound(server.process.pid, resource.RLIM_INFINITY)

    def _bound(self, pid: int, size: int) -> None:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    small = SmallDisk(folder)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "safelight-test", str(folder)]
    with contextlib.suppress(OSError):
        small.mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    yield small
    if small.mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_costs_the_storing_and_not_the_answer(
    disk: SmallDisk, pictures: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = {"SAFELIGHT_VARIANTS_URL": f"file:{disk.folder / 'variants'}"}
    with serving(pictures, home, "--workers", "1", environment=store) as server:
        assert is_stored(ask(server.port, "/w=30/small.jpg"))
        disk.fill(server)
        full = [ask(server.port, path) for path in PATHS]
        for outcome in full:
            assert outcome.reply is not None
            assert outcome.reply.status == 200
            shown(outcome.reply)
        unstored = [outcome for outcome in full if not is_stored(outcome)]
        told(capsys, f"{'mounted' if disk.mounted else 'limited'}: {len(unstored)} of 30 unstored")
        assert len(unstored) >= 25
        assert temporary_files(disk.folder) == []
        assert len(stored(disk.folder / "variants")) == 1 + len(full) - len(unstored)
        # What was stored before is still served, and nothing half-written is.
        assert server.get("/w=30/small.jpg")["cache-status"] == "Safelight; hit"
        disk.free(server)
        again = [ask(server.port, path) for path in PATHS[:4]]
        assert all(is_stored(outcome) for outcome in again)
        assert bodies(again) == bodies(full[:4])
        assert "Traceback" not in server.output


def test_a_store_that_cannot_be_written_costs_the_storing_and_not_the_answer(
    pictures: Path, home: Path
) -> None:
    # A file where the folder should be: not even root can write below it.
    blocked = home / "blocked"
    blocked.write_bytes(b"")
    store = {"SAFELIGHT_VARIANTS_URL": f"file:{blocked / 'variants'}"}
    with serving(pictures, home, "--workers", "1", environment=store) as server:
        for _ in range(2):
            outcome = ask(server.port, PATHS[0])
            assert outcome.kind == "200"
            assert not is_stored(outcome)
        blocked.unlink()
        assert is_stored(ask(server.port, PATHS[0]))
        assert server.get(PATHS[0])["cache-status"] == "Safelight; hit"


def test_a_store_that_becomes_read_only_still_serves_what_it_has(
    disk: SmallDisk, pictures: Path, home: Path
) -> None:
    variants = disk.folder / "variants"
    store = {"SAFELIGHT_VARIANTS_URL": f"file:{variants}"}
    with serving(pictures, home, "--workers", "1", environment=store) as server:
        first = server.get("/w=30/small.jpg")
        with disk.read_only(server):
            hit = server.get("/w=30/small.jpg")
            assert (hit["cache-status"], hit.body) == ("Safelight; hit", first.body)
            assert not is_stored(ask(server.port, PATHS[0]))
        assert is_stored(ask(server.port, PATHS[0]))


def is_stored(outcome: Outcome) -> bool:
    assert outcome.reply is not None
    return "stored" in (outcome.reply["cache-status"] or "")


def bodies(outcomes: list[Outcome]) -> list[bytes]:
    return [outcome.reply.body for outcome in outcomes if outcome.reply]

"""How long a process is sure of its right: by the clock that has gone on further."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from safelight.storage import open_store
from safelight.storage.folder import FolderStore
from safelight.variants.leases import Leases
from tests.support.serving import wait_for

SECONDS = 60.0


@pytest.mark.parametrize(
    ("running", "wall", "sure"),
    [
        (0.0, 0.0, True),
        (59.0, 59.0, True),
        (61.0, 61.0, False),
        # A machine that slept: one of its clocks stood still.
        (1.0, 61.0, False),
        # A clock that was set back meanwhile.
        (61.0, -3_600.0, False),
    ],
)
def test_a_right_ends_by_either_clock(
    monkeypatch: pytest.MonkeyPatch, running: float, wall: float, sure: bool
) -> None:
    monkeypatch.setattr("safelight.variants.leases._now", lambda: (1_000.0, 2_000.0))
    with Leases(open_store("memory:"), seconds=SECONDS).lease("work") as lease:
        later = (1_000.0 + running, 2_000.0 + wall)
        monkeypatch.setattr("safelight.variants.leases._now", lambda: later)
        assert lease.sure is sure


class Faulty(FolderStore):
    """A store of which one write fails in a way that nobody foresaw."""

    written = 0

    def put(self, key: str, data: bytes, attributes: Mapping[str, str]) -> None:
        self.written += 1
        if self.written == 1:
            raise RuntimeError("whoever gives the credentials failed")
        super().put(key, data, attributes)


def test_a_fault_of_a_store_ends_the_writing_of_no_lease(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Faulty(tmp_path)
    with Leases(store, seconds=4).lease("work"):
        wait_for(lambda: store.written == 2)
    assert "a lease is not written anew: @lease-work" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere its silence tells, later")
def test_who_has_ended_has_no_right_though_its_parent_does_not_look(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from safelight.storage.folder import FolderStore\n"
        "from safelight.variants.leases import Leases\n"
        "with Leases(FolderStore(pathlib.Path(sys.argv[1])), seconds=60).lease('work') as lease:\n"
        "    os._exit(7 if lease else 8)"
    )
    leases = Leases(FolderStore(tmp_path), seconds=SECONDS)
    with subprocess.Popen([sys.executable, "-c", code, tmp_path]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert (tmp_path / "@lease-work").exists()
        with leases.lease("work") as lease:
            assert lease
    assert ended.returncode == 7


def test_who_is_at_work_keeps_its_right(tmp_path: Path) -> None:
    mine, theirs = (Leases(FolderStore(tmp_path), seconds=SECONDS).lease("work") for _ in "ab")
    with mine, theirs as lease:
        assert not lease


def test_a_right_that_cannot_be_kept_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    leases = Leases(FolderStore(tmp_path), seconds=SECONDS)
    monkeypatch.setattr(threading.Thread, "start", full)
    with pytest.raises(RuntimeError), leases.lease("work"):
        pass
    monkeypatch.undo()
    with leases.lease("work") as lease:
        assert lease

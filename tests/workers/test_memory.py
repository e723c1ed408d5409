"""What the system tells of a process's memory."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from safelight.limits import Limits
from safelight.picture import Rendering, Wish
from safelight.storage import Opened
from safelight.transform import parse
from safelight.workers import Vitals
from safelight.workers.inprocess import InProcess
from safelight.workers.memory import resident_bytes
from safelight.workers.pool import Pool, Workers
from tests.support.serving import wait_for

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")


@linux
def test_a_process_occupies_what_it_has_written_to() -> None:
    # Of its own: this one may have free memory that it would fill first.
    writes = "import sys; input(); held = b'1' * 50_000_000; print(len(held), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", writes], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        before = resident_bytes(process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        held = int(process.stdout.readline())
        after = resident_bytes(process.pid)
        process.stdin.write("\n")
    assert before is not None
    assert after is not None
    assert after - before > held * 0.9


def test_a_process_that_is_gone_occupies_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert resident_bytes(gone.pid) is None


@linux
def test_a_pool_tells_the_memory_of_each_worker_and_how_many_were_replaced() -> None:
    pool = Pool(Limits())
    try:
        pool.start()
        first = pool.pids()[0]
        wait_for(lambda: all(size > 10_000_000 for size in pool.vitals().memory))
        assert pool.vitals().replaced == 0
        assert len(pool.vitals().memory) == pool.slots
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: len(pool.vitals().memory) == pool.slots - 1)
    finally:
        pool.close()
    assert pool.vitals().memory == ()


def test_without_processes_there_is_nothing_to_tell() -> None:
    assert InProcess(Limits()).vitals() == Vitals(0, ())


@linux
def test_an_upload_of_twelve_megapixels_needs_little_memory(photos: Path) -> None:
    # Progressive: its coefficients are held beside its pixels.
    texts = ("w=150,h=150,fit=inside", "w=600,h=600,fit=inside", "w=1920", "text=hello,quality=90")
    pool = Pool(Limits(), Workers(processes=1))
    try:
        pool.start()
        with Opened(os.open(photos / "sunset.jpg", os.O_RDONLY)) as source:
            wishes = [Wish(parse(text), "upload") for text in texts]
            made = pool.develop(source, wishes, deadline=time.monotonic() + 50)
        status = Path(f"/proc/{pool.pids()[0]}/status").read_text()
    finally:
        pool.close()
    assert made.decodes == 1
    assert all(isinstance(one, Rendering) for one in made.renderings)
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    assert int(peak) * 1024 <= 150_000_000

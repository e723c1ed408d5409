"""What the system tells of a process's memory."""

import os
import signal
import subprocess
import sys

import pytest

from safelight.limits import Limits
from safelight.workers import Vitals
from safelight.workers.inprocess import InProcess
from safelight.workers.memory import resident_bytes
from safelight.workers.pool import Pool
from tests.support.serving import wait_for

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")


@linux
def test_a_process_occupies_what_it_has_written_to() -> None:
    before = resident_bytes(os.getpid())
    assert before is not None
    held = bytearray(os.urandom(1)) * 50_000_000
    after = resident_bytes(os.getpid())
    assert after is not None
    assert after - before > len(held) * 0.9


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

"""What processes of this machine use, a whole tree at a time (Linux: from /proc)."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a process tree: ``pss`` counts shared pages once, ``rss`` once per process."""

    pss: int = 0
    rss: int = 0

    def larger(self, other: Memory) -> Memory:
        return Memory(max(self.pss, other.pss), max(self.rss, other.rss))

    @property
    def text(self) -> str:
        return f"{self.pss / 1e6:.0f} MB Pss, {self.rss / 1e6:.0f} MB Rss"


def tree(pid: int) -> Iterator[int]:
    """List a process and all that descend from it."""
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from tree(int(child))


def memory(pid: int) -> Memory:
    """Add up the memory of a process tree."""
    pss = rss = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    pss += int(line.split()[1]) * 1024
                elif line.startswith("Rss:"):
                    rss += int(line.split()[1]) * 1024
    return Memory(pss, rss)


def cpu_seconds(pid: int) -> float:
    """Add up the CPU time of a process tree, ended and awaited children included."""
    ticks = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(value) for value in fields[11:15])
    return ticks / _TICKS


class Watch:
    """Sample the memory of a process tree in the background, and keep the largest sums."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.peak = Memory()

    def _sample(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self.peak = self.peak.larger(memory(self._pid))

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

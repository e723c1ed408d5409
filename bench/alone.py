"""The engine without a server: a process for every core, each rendering in a loop.

Run as ``python -m bench.alone PHOTO WIDTH``: every line of input is a number of seconds to work,
every line of output a JSON list of the times (``time.monotonic()``) at which pictures were ready.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, cast

from safelight import engine
from safelight.limits import Limits
from safelight.transform import parse

_ROOT = Path(__file__).resolve().parent.parent
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "VIPS_CONCURRENCY": "1", "PYTHONPATH": str(_ROOT)}


class Alone:
    """Processes that wait until they are told to work."""

    def __init__(self, photo: Path, width: int) -> None:
        command = [sys.executable, "-m", "bench.alone", str(photo), str(width)]
        self._processes = [
            subprocess.Popen(
                command,
                env=os.environ | _ENVIRONMENT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for _ in os.sched_getaffinity(0)
        ]
        self.pids = [process.pid for process in self._processes]

    def __enter__(self) -> Alone:
        self.run(0.0)
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self._processes:
            cast("IO[bytes]", process.stdin).close()
            process.wait()

    def run(self, seconds: float) -> list[float]:
        """Work on all cores for some seconds; returns when pictures were ready, in order."""
        for process in self._processes:
            stdin = cast("IO[bytes]", process.stdin)
            stdin.write(b"%f\n" % seconds)
            stdin.flush()
        outputs = [cast("IO[bytes]", process.stdout).readline() for process in self._processes]
        return sorted(moment for output in outputs for moment in json.loads(output))


def main(photo: Path, width: int) -> None:
    """Work whenever a line says so."""
    engine.prepare(threads=1)
    data, transform, limits = photo.read_bytes(), parse(f"{width}x"), Limits()
    engine.run(data, transform, limits)
    for line in sys.stdin:
        until = time.monotonic() + float(line)
        ready = []
        while time.monotonic() < until:
            engine.run(data, transform, limits)
            ready.append(time.monotonic())
        print(json.dumps(ready), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

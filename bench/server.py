"""A real server for the time of a measurement, in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import get

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.02
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers: its process and its port."""

    pid: int
    port: int


@contextmanager
def safelight(photos: Path, folder: Path) -> Iterator[Running]:
    """Run ``safelight serve`` with its defaults; variants and log are kept in ``folder``."""
    command = [sys.executable, "-m", "safelight", "serve", str(photos), "--port", "0"]
    with _process(command, folder) as process:
        yield Running(process.pid, _announced_port(process, folder / "log"))


@contextmanager
def baseline(picture: Path, etag: str, folder: Path) -> Iterator[Running]:
    """Run a server that answers ``picture`` from memory and does nothing else."""
    command = [sys.executable, "-m", "bench.baseline", str(picture), etag]
    with _process(command, folder) as process:
        yield Running(process.pid, _announced_port(process, folder / "log"))


@contextmanager
def _process(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir(parents=True, exist_ok=True)
    environment = {n: v for n, v in os.environ.items() if not n.startswith("SAFELIGHT_")}
    environment["PYTHONPATH"] = str(_ROOT)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _announced_port(process: subprocess.Popen[bytes], log: Path) -> int:
    """Wait until a server has said where it listens, and answers there."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        said = re.search(r"http://127\.0\.0\.1:([0-9]+)/", log.read_text(encoding="utf-8"))
        if said and _answers(int(said[1])):
            return int(said[1])
        time.sleep(_POLL_SECONDS)
    raise RuntimeError(f"the server did not start:\n{log.read_text(encoding='utf-8')}")


def _answers(port: int) -> bool:
    try:
        return get(port, "/readyz").status == 200
    except OSError:
        return False

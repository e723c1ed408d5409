"""wrk (https://github.com/wg/wrk): fast enough not to be what is measured."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from bench.processes import cpu_seconds

CONNECTIONS = 32
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True, slots=True)
class Result:
    """Requests per second, 99th percentile of latency, the server's CPU time per request."""

    rate: float
    p99_ms: float
    cpu_us: float


def ensure() -> None:
    """Install wrk where that is possible. Raises SystemExit with what to do where it is not."""
    if shutil.which("wrk"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-y", "-q", "wrk"], check=True)
        return
    raise SystemExit("bench: wrk is missing: install it (on Debian: apt-get install wrk)")


def run(url: str, server: int, *, seconds: int, etag: str = "") -> Result:
    """Ask for one address over 32 connections. Raises RuntimeError when an answer is no good one.

    ``server``: its process. ``etag``: ask with If-None-Match.
    """
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    command += ["-H", f"If-None-Match: {etag}"] if etag else []
    before = cpu_seconds(server)
    said = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    spent = cpu_seconds(server) - before
    if "Non-2xx or 3xx" in said or "Socket errors" in said:
        raise RuntimeError(f"wrk was not answered as it should be:\n{said}")
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    p99 = re.search(r"99%\s+([0-9.]+)(us|ms|s)", said)
    count = re.search(r"([0-9]+) requests in", said)
    if rate is None or p99 is None or count is None:
        raise RuntimeError(f"wrk said something new:\n{said}")
    return Result(
        rate=float(rate[1]),
        p99_ms=float(p99[1]) * _UNITS[p99[2]],
        cpu_us=spent / int(count[1]) * 1e6,
    )

"""Each request is noted: counted, and logged where that is wanted."""

from __future__ import annotations

import logging
import re
import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from safelight.config import RESERVED
from safelight.observe import Metrics, Request
from safelight.signing import redacted
from safelight.transform import ORIGINAL
from safelight.web.exchange import Response

# A line for each request, in JSON whatever the other lines are in.
ACCESS = logging.getLogger("safelight.access")

_DOORS = RESERVED - {ORIGINAL} | {"openapi.json"}
# Of a client that left before its answer began: what nginx writes.
_LEFT = 499
_MOST_PATH = 1_000
_USER = re.compile(r"//[^/@]*@")


class Notes:
    """What is noted of the requests of one face."""

    def __init__(self, metrics: Metrics, *, access_log: bool) -> None:
        """Count in ``metrics``; log only where it is said."""
        self._metrics = metrics
        self._access_log = access_log

    def end(self, request: Request, method: str, path: bytes, response: Response | None) -> int:
        """Note what a request was answered; None when its client left before.

        ``path``: as it was sent. Returns the status that was noted.
        """
        seconds = time.perf_counter() - request.started
        status, sent = _LEFT, 0
        if response is not None:
            status = response.status
            sent = 0 if method == "HEAD" else len(response.body)
        self._metrics.requests.observe(seconds, (request.door, status, request.cache), sent)
        if request.code:
            self._metrics.problems.add((request.code,))
        if self._access_log:
            ACCESS.info("%s", _line(request, method, path, status, sent, seconds))
        return status


def door_of(path: str) -> str:
    """Name the door that an address leads to: its first segment, or "native"."""
    first = path[1:].partition("/")[0]
    return first if first in _DOORS else "native" if first else "index"


def told_path(path: bytes) -> str:
    """Write a path so that nobody can use it who only reads it: no signature, user or query."""
    told = redacted(path.partition(b"?")[0].decode("latin-1"))
    return _USER.sub("//…@", told)[:_MOST_PATH]


def _line(
    request: Request, method: str, path: bytes, status: int, sent: int, seconds: float
) -> str:
    line: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "info",
        "logger": ACCESS.name,
        "request_id": request.id,
        "method": method,
        "path": told_path(path),
        "door": request.door,
        "status": status,
        "bytes": sent,
        "ms": round(seconds * 1e3, 2),
    }
    if request.cache:
        line["cache"] = request.cache
    if request.code:
        line["code"] = request.code
    if request.trace:
        line["trace_id"] = request.trace
    if request.timings is not None:
        stages = request.timings.stages.items()
        line["stages"] = {name: round(spent, 2) for name, spent in stages}
    return msgspec.json.encode(line).decode()

"""Each request is noted: counted, and logged and traced where that is wanted."""

from __future__ import annotations

import logging
import re
import time
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from safelight.config import RESERVED
from safelight.errors import SettingError
from safelight.http.exchange import Response, Scope
from safelight.observe import Metrics, Observe, Request, identified
from safelight.signing import redacted
from safelight.transform import ORIGINAL

# A line for each request, in JSON whatever the other lines are in.
ACCESS = logging.getLogger("safelight.access")

_DOORS = RESERVED - {ORIGINAL} | {"openapi.json"}
# Of a client that left before its answer began: what nginx writes.
_LEFT = 499
_MOST_PATH = 1_000
_USER = re.compile(r"//[^/@]*@")


class Tracer(Protocol):
    """What follows requests from one service to the next."""

    def begin(self, request: Request, scope: Scope) -> None:
        """Begin a request's span."""

    def end(self, request: Request, scope: Scope, status: int) -> None:
        """End it, with its stages inside."""


def tracer_of(settings: Observe, *, export: bool) -> Tracer | None:
    """Make what traces requests, if that is wanted.

    ``export``: send spans as the environment says, else give them to whatever the application
    around has set up. Raises SettingError when the library is not installed.
    """
    if not settings.traces:
        return None
    try:
        from safelight.http.tracing import Traces, exporting
    except ModuleNotFoundError as error:
        raise SettingError(
            "observe.traces: OpenTelemetry is not installed: pip install 'safelight[otel]', "
            "or leave it out"
        ) from error
    return exporting() if export else Traces()


class Observer:
    """Note the requests of one application."""

    def __init__(self, metrics: Metrics, *, access_log: bool, tracer: Tracer | None) -> None:
        """Count in ``metrics``; log and trace only where it is said."""
        self._metrics = metrics
        self._access_log = access_log
        self._tracer = tracer

    def begin(self, scope: Scope) -> Request:
        """Note that a request came."""
        given = ""
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                given = value.decode("latin-1")
        request = Request(identified(given))
        if self._tracer is not None:
            self._tracer.begin(request, scope)
        return request

    def end(self, request: Request, scope: Scope, response: Response | None) -> None:
        """Note what it was answered; None when its client left before."""
        seconds = time.perf_counter() - request.started
        status, sent = _LEFT, 0
        if response is not None:
            status = response.status
            sent = 0 if scope["method"] == "HEAD" else len(response.body)
        self._metrics.requests.observe(seconds, (request.door, status, request.cache), sent)
        if request.code:
            self._metrics.problems.add((request.code,))
        if self._access_log:
            ACCESS.info("%s", _line(request, scope, status, sent, seconds))
        if self._tracer is not None:
            self._tracer.end(request, scope, status)


def door_of(path: str) -> str:
    """Name the door that an address leads to: its first segment, or "native"."""
    first = path[1:].partition("/")[0]
    return first if first in _DOORS else "native" if first else "index"


def told_path(scope: Scope) -> str:
    """Write a path so that nobody can use it who only reads it: no signature, user or query."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = redacted(raw.partition(b"?")[0].decode("latin-1"))
    return _USER.sub("//…@", path)[:_MOST_PATH]


def _line(request: Request, scope: Scope, status: int, sent: int, seconds: float) -> str:
    line: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "info",
        "logger": ACCESS.name,
        "request_id": request.id,
        "method": scope["method"],
        "path": told_path(scope),
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

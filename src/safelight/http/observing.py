"""Each request over ASGI is noted, and traced where that is wanted."""

from __future__ import annotations

from typing import Protocol

from safelight.errors import SettingError
from safelight.http.exchange import Scope
from safelight.observe import Metrics, Observe, Request, identified
from safelight.web.exchange import Response
from safelight.web.observing import Notes


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
        self._notes = Notes(metrics, access_log=access_log)
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
        status = self._notes.end(request, scope["method"], sent_path(scope), response)
        if self._tracer is not None:
            self._tracer.end(request, scope, status)


def sent_path(scope: Scope) -> bytes:
    """Give the path as it was sent, or as nearly so as the server tells it."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw

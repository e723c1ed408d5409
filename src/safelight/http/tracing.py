"""Traces by OpenTelemetry, which is imported only where they are wanted.

Names are those of the semantic conventions for HTTP (stable since 1.23) where there are any.
"""

from __future__ import annotations

import time

from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, StatusCode

from safelight import __version__
from safelight.http.exchange import Scope
from safelight.http.observing import sent_path
from safelight.observe import Request
from safelight.web.observing import told_path

_METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH", "TRACE", "CONNECT")


class Traces:
    """A span for each request, and inside it one for each of its stages."""

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        """Give spans to ``provider``, by default to the process's own."""
        self._tracer = trace.get_tracer("safelight", __version__, provider)

    def begin(self, request: Request, scope: Scope) -> None:
        """Begin a request's span, below the one that its ``traceparent`` names."""
        carrier = {n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]}
        request.span = self._tracer.start_span(
            "HTTP",
            context=propagate.extract(carrier),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": _method(scope),
                "url.path": told_path(sent_path(scope)),
                "url.scheme": scope.get("scheme", "http"),
                "safelight.request_id": request.id,
            },
        )
        request.trace = trace.format_trace_id(request.span.get_span_context().trace_id)

    def end(self, request: Request, scope: Scope, status: int) -> None:
        """End it, with its stages inside: as far as the request waited for them."""
        span: trace.Span = request.span
        span.update_name(f"{_method(scope)} {request.door}")
        span.set_attribute("http.response.status_code", status)
        span.set_attribute("safelight.door", request.door)
        if request.cache:
            span.set_attribute("safelight.cache", request.cache)
        if request.code:
            span.set_attribute("error.type", request.code)
        if status >= 500:
            span.set_status(StatusCode.ERROR)
        # Spans are told in nanoseconds since the epoch.
        epoch = time.time_ns() - time.perf_counter_ns()
        inside = trace.set_span_in_context(span)
        for name, start, end in request.timings.intervals() if request.timings else ():
            if end < request.started:
                continue
            begun = epoch + round(max(start, request.started) * 1e9)
            stage = self._tracer.start_span(name, context=inside, start_time=begun)
            stage.end(end_time=epoch + round(end * 1e9))
        span.end()


def _method(scope: Scope) -> str:
    """Name a method; what a client has made up shall not fill a collector with names."""
    method: str = scope["method"]
    return method if method in _METHODS else "_OTHER"


def exporting() -> Traces:
    """Send traces to a collector, as the ``OTEL_…`` variables of the environment say."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = Resource({SERVICE_NAME: "safelight"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=Resource.create().merge(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Traces(provider)

"""Spans: one for a request, below the client's own, and inside it one for each stage."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from safelight.http import Application
from safelight.http.observing import tracer_of
from safelight.http.tracing import Traces
from safelight.observe import Observe, Request, Timings
from safelight.service import Service
from tests.support.asgi import applying, asked, scope
from tests.support.serving import serving

PHOTO = "photo-1mp.jpg"
STAGES = ["lookup", "fetch", "decode", "encode", "store"]
# The examples of W3C Trace Context.
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """Keep spans here."""
    return InMemorySpanExporter()


@pytest.fixture
def traces(spans: InMemorySpanExporter) -> Traces:
    """Trace into `spans`."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return Traces(provider)


@pytest.fixture
def application(data: Path, tmp_path: Path, traces: Traces) -> Iterator[Application]:
    """Give an application that is traced."""
    with applying(data / "photos", tmp_path / "variants", tracer=traces) as application:
        yield application


def finished(spans: InMemorySpanExporter) -> tuple[ReadableSpan, list[ReadableSpan]]:
    """Take the spans of one request: its own, and those of the stages."""
    *stages, request = spans.get_finished_spans()
    spans.clear()
    assert request.kind is SpanKind.SERVER
    for stage in stages:
        assert stage.parent is not None
        assert stage.parent.span_id == request.context.span_id
        assert stage.context.trace_id == request.context.trace_id
    return request, stages


def times(span: ReadableSpan) -> tuple[int, int]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time, span.end_time


def test_a_request_has_a_span_and_each_stage_one_inside(
    application: Application, spans: InMemorySpanExporter
) -> None:
    asked(application, scope(f"/w=70/{PHOTO}", x_request_id="mine"))
    request, stages = finished(spans)
    assert (request.name, request.parent) == ("GET native", None)
    assert dict(request.attributes or {}) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.path": f"/w=70/{PHOTO}",
        "url.scheme": "http",
        "safelight.request_id": "mine",
        "safelight.door": "native",
        "safelight.cache": "miss",
    }
    assert [stage.name for stage in stages] == STAGES
    start, end = times(request)
    # Two clocks are read one after the other: they differ by less than this.
    slack = 2_000_000
    last = start - slack
    for stage in stages:
        begun, ended = times(stage)
        assert last <= begun <= ended <= end + slack
        last = ended - 1_000
    asked(application, scope(f"/w=70/{PHOTO}"))
    assert [stage.name for stage in finished(spans)[1]] == ["lookup"]


def test_the_span_that_a_client_names_is_above(
    application: Application, spans: InMemorySpanExporter
) -> None:
    asked(application, scope("/healthz", traceparent=f"00-{TRACE}-{PARENT}-01"))
    request, _ = finished(spans)
    assert request.parent is not None
    assert format_trace_id(request.context.trace_id) == TRACE
    assert format_span_id(request.parent.span_id) == PARENT


def test_what_a_client_does_not_want_traced_is_not(
    application: Application, spans: InMemorySpanExporter
) -> None:
    asked(application, scope("/healthz", traceparent=f"00-{TRACE}-{PARENT}-00"))
    assert spans.get_finished_spans() == ()


@pytest.mark.parametrize("given", ["", "nonsense", f"00-{TRACE}-{'0' * 16}-01"])
def test_a_traceparent_that_is_none_begins_a_trace(
    application: Application, spans: InMemorySpanExporter, given: str
) -> None:
    asked(application, scope("/healthz", traceparent=given))
    assert finished(spans)[0].parent is None


def test_a_failure_of_ours_is_an_error_and_a_clients_is_not(
    application: Application, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(application, scope("/w=zero/x.jpg", method="GET"))
    request, _ = finished(spans)
    assert request.status.status_code is StatusCode.UNSET
    assert (request.attributes or {})["error.type"] == "transform_invalid"

    def fail(*arguments: Any, **options: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(Service, "find", fail)
    asked(application, scope("/w=9/x.jpg"))
    request, _ = finished(spans)
    assert request.status.status_code is StatusCode.ERROR
    assert (request.attributes or {})["error.type"] == "internal"


def test_a_method_that_nobody_knows_is_not_a_name(
    application: Application, spans: InMemorySpanExporter
) -> None:
    asked(application, scope("/healthz", method="BREW"))
    assert finished(spans)[0].name == "_OTHER healthz"


def test_of_work_that_another_began_only_the_waiting_is_told(
    traces: Traces, spans: InMemorySpanExporter
) -> None:
    timings = Timings()
    timings.add("fetch", 1.0)
    request, asking = Request("late"), scope("/")
    timings.add("decode", 60_000.0)
    request.timings = timings
    traces.begin(request, asking)
    traces.end(request, asking, 200)
    above, (stage,) = finished(spans)
    assert stage.name == "decode"
    assert times(stage)[0] >= times(above)[0] - 2_000_000


def test_nothing_is_traced_unless_it_is_said() -> None:
    assert tracer_of(Observe(), export=False) is None
    assert isinstance(tracer_of(Observe(traces=True), export=False), Traces)


class Collector(http.server.BaseHTTPRequestHandler):
    """What receives OTLP over HTTP; the server keeps what came."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") is None:
            self.server.received.append((self.path, body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def collecting() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    received: list[tuple[str, bytes]] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        server.received = received  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            server.shutdown()
            thread.join()


def test_a_server_sends_its_traces_to_a_collector(data: Path, tmp_path: Path) -> None:
    settings = "[observe]\ntraces = true\naccess_log = true\n"
    with collecting() as (url, received):
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": url}
        photos = data / "photos"
        with serving(
            photos, tmp_path, "--workers", "1", settings=settings, environment=environment
        ) as server:
            traceparent = f"00-{TRACE}-{PARENT}-01"
            assert server.get(f"/w=71/{PHOTO}", traceparent=traceparent).status == 200
    names = []
    for path, body in received:
        assert path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            attributes = {a.key: a.value.string_value for a in resource.resource.attributes}
            assert attributes["service.name"] == "safelight"
            found = [span for scope in resource.scope_spans for span in scope.spans]
            names += [span.name for span in found if span.trace_id.hex() == TRACE]
    assert sorted(names) == sorted([*STAGES, "GET native"])
    assert f'"trace_id":"{TRACE}"' in server.output

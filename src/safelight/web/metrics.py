"""What is counted, in the text format of Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from safelight import __version__
from safelight.observe import Histogram, Labels
from safelight.service import Service
from safelight.web.exchange import NO_STORE, Response
from safelight.workers.memory import resident_bytes

_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def metrics(service: Service) -> Response:
    """Tell all that is counted, and how things are at this moment."""
    text = "".join(f"{line}\n" for line in _lines(service))
    return Response(200, [(b"content-type", _TYPE), NO_STORE], text.encode())


def _lines(service: Service) -> Iterator[str]:
    counted = service.metrics
    yield from _requests(counted.requests)
    for histogram in (counted.requests, counted.stages, counted.store_calls):
        yield from _histogram(histogram)
    for counter in (counted.problems, counted.renders, counted.stored):
        yield from _simple(counter.name, "counter", counter.meaning, counter.labels, counter.read())
    vitals = service.renderer.vitals()
    for name, kind, meaning, value in (
        ("queue_pictures", "gauge", "Pictures that wait or are being made.", service.waiting),
        ("queue_limit_pictures", "gauge", "Pictures that may.", service.queue),
        ("workers", "gauge", "Rendering processes.", len(vitals.memory)),
        ("worker_memory_bytes", "gauge", "Resident bytes of all of them.", sum(vitals.memory)),
        (
            "worker_restarts_total",
            "counter",
            "Rendering processes that died, were killed or recycled.",
            vitals.replaced,
        ),
    ):
        yield from _simple(f"safelight_{name}", kind, meaning, (), {(): value})
    if ours := resident_bytes(os.getpid()):
        meaning = "Resident bytes of the server itself."
        yield from _simple("process_resident_memory_bytes", "gauge", meaning, (), {(): ours})
    build: dict[Labels, float] = {(__version__, str(service.capabilities.get("libvips", ""))): 1}
    yield from _simple("safelight_info", "gauge", "What runs.", ("version", "libvips"), build)


def _requests(histogram: Histogram) -> Iterator[str]:
    """Count requests by themselves too: a rate of them shall not need a histogram's insides."""
    read = histogram.read().items()
    for name, meaning, values in (
        ("requests_total", "Requests answered.", {at: one.counts[-1] for at, one in read}),
        ("sent_bytes_total", "Bytes of bodies sent.", {at: one.size for at, one in read}),
    ):
        yield from _simple(f"safelight_{name}", "counter", meaning, histogram.labels, values)


def _simple(
    name: str, kind: str, meaning: str, names: tuple[str, ...], values: Mapping[Labels, float]
) -> Iterator[str]:
    yield from _head(name, kind, meaning)
    # A counter without labels is there from the start, so that its first increase is seen.
    if not names and not values:
        values = {(): 0}
    for labels, value in values.items():
        yield f"{name}{_labels(zip(names, labels, strict=True))} {_number(value)}"


def _histogram(histogram: Histogram) -> Iterator[str]:
    yield from _head(histogram.name, "histogram", histogram.meaning)
    bounds = [*(f"{bound:g}" for bound in histogram.bounds), "+Inf"]
    for values, (counts, total, _) in histogram.read().items():
        pairs = list(zip(histogram.labels, values, strict=True))
        for bound, count in zip(bounds, counts, strict=True):
            yield f"{histogram.name}_bucket{_labels([*pairs, ('le', bound)])} {count}"
        yield f"{histogram.name}_sum{_labels(pairs)} {_number(total)}"
        yield f"{histogram.name}_count{_labels(pairs)} {counts[-1]}"


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"


def _labels(pairs: Iterable[tuple[str, str | int]]) -> str:
    told = ",".join(f'{name}="{str(value).translate(_ESCAPED)}"' for name, value in pairs)
    return f"{{{told}}}" if told else ""


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))

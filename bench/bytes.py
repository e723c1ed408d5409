"""Outputs: bytes and CPU time at equal looks, against sharp, and what ``quality=auto`` finds.

Photographs of 800 px, each first written as sharp does by itself. What that looks like by
SSIMULACRA 2 is the mark: our quality is sought that comes up to it, all other settings as they are.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.peers import Sharp, score
from bench.photographs import EIGHT
from bench.report import Row, ratio_at_most
from safelight import engine
from safelight.costs import REQUEST, UPLOAD, Profile
from safelight.limits import Limits
from safelight.transform import parse

WIDTH = 800
_QUALITIES = (30, 97)


@dataclass(frozen=True, slots=True)
class _Contest:
    """What is written against what: our format and theirs; what the ratio of bytes shall be."""

    title: str
    format: str
    against: str
    profile: Profile = REQUEST
    bound: float | None = None


_CONTESTS = (
    _Contest("JPEG", "jpeg", "jpeg", bound=0.95),
    _Contest("WebP", "webp", "webp", bound=0.95),
    _Contest("AVIF", "avif", "jpeg", bound=0.75),
    _Contest("AVIF", "avif", "avif"),
    _Contest("JPEG on upload", "jpeg", "jpeg", UPLOAD),
    _Contest("WebP on upload", "webp", "webp", UPLOAD),
    _Contest("AVIF on upload", "avif", "jpeg", UPLOAD),
)
# How much of sharp's CPU time for an AVIF ours may take.
_AVIF_CPU = 0.1
_NAMES = {"jpeg": "JPEG", "webp": "WebP", "avif": "AVIF"}


@dataclass
class _Theirs:
    """What sharp made of a photograph in a format."""

    size: int
    cpu_ms: float
    looks: float


@dataclass
class _Found:
    """Our bytes and CPU ms at the same looks, over theirs, photograph by photograph."""

    sizes: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    figures: list[tuple[float, float]] = field(default_factory=list)


def measure(*, quick: bool) -> list[Row]:
    """Measure all photographs."""
    engine.prepare(threads=1)
    photographs = list(EIGHT.items())[: 3 if quick else None]
    times = 2 if quick else 5
    pngs = {
        name: engine.run(path.read_bytes(), parse(f"{WIDTH}x,format=png"), Limits()).data
        for name, path in photographs
    }
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, Sharp(Path(folder)) as sharp:
        theirs = {
            (name, format): _written_by(sharp, png, format, times)
            for name, png in pngs.items()
            for format in _NAMES
        }
    for contest in _CONTESTS:
        rows += _contest_rows(contest, pngs, theirs, times)
    for format in _NAMES:
        rows += _auto_rows(format, pngs)
    return rows


def _written_by(sharp: Sharp, png: bytes, format: str, times: int) -> _Theirs:
    data, cpu_ms = sharp.encode(png, format, times)
    return _Theirs(len(data), cpu_ms, score(png, data))


def _contest_rows(
    contest: _Contest, pngs: dict[str, bytes], theirs: dict[tuple[str, str], _Theirs], times: int
) -> Iterator[Row]:
    found = _Found()
    what = f"{contest.title}, against sharp's {_NAMES[contest.against]}"
    for name, png in pngs.items():
        other = theirs[name, contest.against]
        quality, size = _alike(png, contest, other.looks)
        spent = _cpu_ms(png, f"format={contest.format},q={quality}", contest.profile, times)
        found.sizes.append(size / other.size)
        found.cpu.append(spent / other.cpu_ms)
        found.figures.append((spent, other.cpu_ms))
        figure = (
            f"{size / 1e3:.1f} / {other.size / 1e3:.1f} KB at {other.looks:.1f}, quality {quality}"
        )
        if contest.bound is not None:
            yield Row(f"{name}: {what}", figure, found.sizes[-1])
    mean = _geometric(found.sizes)
    all_of_them = f"all, geometric mean: {what}"
    if contest.bound is None:
        yield Row(all_of_them, "bytes", mean)
    else:
        yield ratio_at_most(all_of_them, "bytes", mean, contest.bound)
    figure = " / ".join(f"{_geometric(side):.0f}" for side in zip(*found.figures, strict=True))
    cpu = _geometric(found.cpu)
    if contest.format == contest.against == "avif":
        yield ratio_at_most(f"{all_of_them}: CPU", f"{figure} ms", cpu, _AVIF_CPU)
    else:
        yield Row(f"{all_of_them}: CPU", f"{figure} ms", cpu)


def _alike(png: bytes, contest: _Contest, looks: float) -> tuple[int, float]:
    """Find the least quality that looks as good, and the bytes at exactly these looks."""
    tried: dict[int, tuple[float, int]] = {}

    def at(quality: int) -> tuple[float, int]:
        if quality not in tried:
            wish = parse(f"format={contest.format},q={quality}")
            data = engine.run(png, wish, Limits(), profile=contest.profile).data
            tried[quality] = score(png, data), len(data)
        return tried[quality]

    low, high = _QUALITIES
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if at(middle)[0] >= looks else (middle, high)
    (below, fewer), (above, more) = at(low), at(high)
    part = min(1.0, max(0.0, (looks - below) / (above - below)))
    return high, math.exp((1 - part) * math.log(fewer) + part * math.log(more))


def _cpu_ms(png: bytes, wish: str, profile: Profile, times: int) -> float:
    least = math.inf
    for _ in range(times):
        started = time.process_time()
        engine.run(png, parse(wish), Limits(), profile=profile)
        least = min(least, time.process_time() - started)
    return least * 1e3


def _auto_rows(format: str, pngs: dict[str, bytes]) -> Iterator[Row]:
    """Tell what ``quality=auto`` makes of bytes and looks, against the default quality."""
    auto, fixed = (
        [engine.run(png, parse(f"format={format}{q}"), Limits()).data for png in pngs.values()]
        for q in (",quality=auto", "")
    )
    looks = [
        [score(png, data) for png, data in zip(pngs.values(), made, strict=True)]
        for made in (auto, fixed)
    ]
    mean = _geometric([len(a) / len(b) for a, b in zip(auto, fixed, strict=True)])
    what = f"{_NAMES[format]}, quality=auto against the default"
    spreads = [f"{statistics.fmean(found):.1f} ± {statistics.pstdev(found):.1f}" for found in looks]
    yield Row(f"{what}: bytes", f"looks {' / '.join(spreads)}", mean)
    yield Row(
        f"{what}: spread of the looks",
        " / ".join(f"{min(found):.1f} to {max(found):.1f}" for found in looks),
        statistics.pstdev(looks[0]) / statistics.pstdev(looks[1]),
    )


def _geometric(values: list[float] | tuple[float, ...]) -> float:
    return math.exp(sum(math.log(value) for value in values) / len(values))

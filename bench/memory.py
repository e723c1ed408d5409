"""What the whole process tree holds: at its peak, and after much work of all kinds."""

from __future__ import annotations

import itertools
import random
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench import load, server
from bench.photographs import EIGHT, TWELVE, many_names
from bench.processes import Memory, Watch, memory
from bench.report import Row, at_most, ratio_at_most

_CLIENTS = 64
_PEAK_BYTES = 200
_MIXED_CLIENTS = 16
_WIDTHS = (120, 240, 320, 400, 640, 800, 1024, 1280)
# JPEG most of all, as on real pages.
_FORMATS = ("jpeg", "jpeg", "jpeg", "webp", "webp", "avif", "png")
_WRONG = (
    "/800x/none.jpg",
    "/w=wide/plain.jpg",
    "/w=90000/plain.jpg",
    "/300x/half.jpg",
    "/300x/text.jpg",
    "/info/none.jpg",
)
_SETTLED_SECONDS = 1.0


def measure(*, quick: bool) -> list[Row]:
    """Measure both."""
    with tempfile.TemporaryDirectory(prefix="safelight-bench-") as folder:
        return [*_peak(Path(folder), quick=quick), *_mixed(Path(folder), quick=quick)]


def _peak(folder: Path, *, quick: bool) -> Iterator[Row]:
    count = 200 if quick else 1_500
    names = itertools.islice(many_names(TWELVE, folder / "many"), count)
    with server.safelight(folder / "many", folder / "peak") as running:
        yield Row("started, nothing asked", _settled(running.pid).text)
        with Watch(running.pid) as watch:
            load.run(running.port, (f"/800x/{name}" for name in names), clients=_CLIENTS)
        yield Row(f"after {count} missing variants", _settled(running.pid).text)
    for kind, value in (("Pss", watch.peak.pss), ("Rss", watch.peak.rss)):
        what = f"peak of the process tree, {_CLIENTS} clients, missing variants, {kind}"
        yield at_most(what, f"{value / 1e6:.0f} MB", value / 1e6, _PEAK_BYTES, " MB")


def _mixed(folder: Path, *, quick: bool) -> Iterator[Row]:
    first, last = (100, 400) if quick else (500, 2_000)
    paths = _mixture(_sources(folder / "mixed-sources"))
    with server.safelight(folder / "mixed-sources", folder / "mixed") as running:
        with Watch(running.pid) as early:
            asked = load.run(running.port, itertools.islice(paths, first), clients=_MIXED_CLIENTS)
        before = _settled(running.pid)
        with Watch(running.pid) as late:
            more = itertools.islice(paths, last - first)
            then = load.run(running.port, more, clients=_MIXED_CLIENTS)
        after = _settled(running.pid)
    statuses = Counter(done.status for done in (*asked.done, *then.done))
    told = ", ".join(f"{count} of {status}" for status, count in sorted(statuses.items()))
    yield Row(f"{last:,} mixed requests", told)
    yield Row(f"after {first:,} mixed requests", before.text)
    yield ratio_at_most(
        f"after {last:,} mixed requests, against that (Pss)",
        after.text,
        after.pss / before.pss,
        1.1,
    )
    yield Row(f"peak during the first {first:,}", early.peak.text)
    yield Row("peak after them, against that (Pss)", late.peak.text, late.peak.pss / early.peak.pss)


def _sources(folder: Path) -> list[str]:
    """Lay out the eight photographs and what nobody can read; returns the names of the former."""
    folder.mkdir()
    names = []
    for number, photo in enumerate(EIGHT.values()):
        names.append(f"photo-{number}.jpg")
        shutil.copyfile(photo, folder / names[-1])
    whole = TWELVE.read_bytes()
    (folder / "plain.jpg").write_bytes(whole)
    (folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jpg").write_text("This is no picture.\n" * 100)
    return names


def _mixture(names: list[str]) -> Iterator[str]:
    """Mix the same requests in every run: a quarter asked before, a tenth wrong, the rest new."""
    chance = random.Random(7)
    asked: list[str] = []
    while True:
        draw = chance.random()
        if draw < 0.1:
            yield chance.choice(_WRONG)
        elif draw < 0.35 and asked:
            yield chance.choice(asked)
        else:
            width = chance.choice(_WIDTHS) + chance.randrange(40)
            asked.append(f"/{width}x,format={chance.choice(_FORMATS)}/{chance.choice(names)}")
            yield asked[-1]


def _settled(pid: int) -> Memory:
    """Read the memory a second after the last answer: the median of some readings."""
    until = time.monotonic() + _SETTLED_SECONDS
    readings = []
    while time.monotonic() < until:
        time.sleep(_SETTLED_SECONDS / 10)
        readings.append(memory(pid))
    return Memory(
        int(statistics.median(one.pss for one in readings)),
        int(statistics.median(one.rss for one in readings)),
    )

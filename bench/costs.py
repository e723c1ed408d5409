"""What writing costs a megapixel: the figures of ``safelight.costs``.

``python -m bench.costs`` prints a row of each of them, by kind of work: milliseconds of CPU time
for every level of the encoder's own, the least of some repetitions, the geometric mean of
photographs 800 px wide (of an animation: sixteen frames of 320 px; of transparency: a drawing of
400 px whose edges are busier than most).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import pyvips

from bench.photographs import EIGHT
from bench.report import machine
from safelight import costs, engine, formats
from safelight.engine.savers import Saver, deepened
from safelight.limits import Limits
from safelight.operations.encoding import Encoding
from safelight.transform import parse

_PHOTOGRAPHS = ("12 MP", "12 MP progressive", "13 MP progressive", "6 MP progressive")
_WORKS = (
    "jpeg", "webp", "webp alpha", "webp lossless", "webp animated", "avif", "png", "palette", "gif",
    "tiff",
)  # fmt: skip
_CUT_OUT = (
    Path(__file__).resolve().parent.parent / "tests" / "data" / "photos" / "alpha-graphic.png"
)
_FRAMES, _FRAME_WIDTH = 16, 320
_REPETITIONS = 3


def main() -> None:
    """Print the table."""
    engine.prepare(threads=1)
    print(machine())
    stills = [_still(name) for name in _PHOTOGRAPHS]
    moving = [_moving(name) for name in _PHOTOGRAPHS[:2]]
    cut_out = pyvips.Image.thumbnail(str(_CUT_OUT), 400).copy_memory()
    for work in _WORKS:
        images = moving if work in ("webp animated", "gif") else stills
        images = [cut_out] if work == "webp alpha" else images
        print(f"{work:14}", end="", flush=True)
        for level in range(costs.levels(work)):
            rates = [_rate(_writer(work, level, image), image) for image in images]
            mean = math.exp(sum(map(math.log, rates)) / len(rates))
            print(f"{mean:8.0f}", end="", flush=True)
        print()


def _still(name: str) -> pyvips.Image:
    made = engine.run(EIGHT[name].read_bytes(), parse("800x,format=png,effort=0"), Limits())
    return pyvips.Image.new_from_buffer(made.data, "").copy_memory()


def _moving(name: str) -> pyvips.Image:
    """Move slowly over a photograph."""
    whole = _still(name)
    height = _FRAME_WIDTH * 3 // 4
    frames = [whole.crop(6 * n, 4 * n, _FRAME_WIDTH, height) for n in range(_FRAMES)]
    strip = pyvips.Image.arrayjoin(frames, across=1).copy()
    strip.set_type(pyvips.GValue.gint_type, "page-height", height)
    return cast("pyvips.Image", strip.copy_memory())


def _writer(work: str, level: int, image: pyvips.Image) -> Callable[[], bytes]:
    name = {"palette": "png"}.get(work, work.partition(" ")[0])
    encoding = Encoding(
        name, lossless="lossless" in work, colors=256 if work == "palette" else None
    )
    saver = Saver(
        deepened(image) if name == "avif" else image,
        formats.BY_NAME[name],
        encoding,
        keep=0,
        level=level,
        frames=image.height // image.get_page_height(),
    )
    if work == "palette":
        saver = replace(saver, level=0, palette_level=level)
    return partial(saver.write, 0 if saver.lossless else saver.default_quality)


def _rate(write: Callable[[], bytes], image: pyvips.Image) -> float:
    megapixels = float(image.width * image.height) / 1e6
    return min(_spent(write)) * 1e3 / megapixels


def _spent(write: Callable[[], bytes]) -> Iterator[float]:
    for _ in range(_REPETITIONS):
        started = time.process_time()
        write()
        yield time.process_time() - started


if __name__ == "__main__":
    main()

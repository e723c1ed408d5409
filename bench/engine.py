"""The engine alone: photographs to JPEGs 800 px wide, in CPU time, side by side with others."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any, cast

import pyvips
from PIL import Image, JpegImagePlugin

from bench.photographs import EIGHT
from bench.report import Row, ratio_at_most
from safelight import engine
from safelight.limits import Limits
from safelight.transform import parse

WIDTH = 800
# What the engine writes on request; `_check_equal` fails when it writes something else.
SETTINGS = {"Q": 80, "optimize_coding": True, "interlace": True, "quant_table": 3, "keep": "none"}
# Height does not bound: only the width is asked for.
_ANY_HEIGHT = 1_000_000
_PILLOW = "Pillow resize"
_THUMBNAIL = "thumbnail_buffer"
_FLOOR = "floor"
_BOUNDS = {_PILLOW: 0.2, _THUMBNAIL: 1.0}
# Of all photographs together: what one of them can come to depends on its size.
_LATER = {_FLOOR: 1.25}

Contender = Callable[[bytes], bytes]


def _ours(data: bytes) -> bytes:
    return engine.run(data, parse(f"{WIDTH}x"), Limits()).data


def _pillow(data: bytes) -> bytes:
    """Do as tutorials do."""
    with Image.open(BytesIO(data)) as image:
        height = round(image.height * WIDTH / image.width)
        out = BytesIO()
        image.resize((WIDTH, height), Image.Resampling.LANCZOS).save(out, "JPEG", quality=80)
    return out.getvalue()


def _thumbnail(data: bytes) -> bytes:
    image = pyvips.Image.thumbnail_buffer(
        data, WIDTH, height=_ANY_HEIGHT, option_string="fail_on=error"
    )
    return cast("bytes", image.jpegsave_buffer(**SETTINGS))


def _floor(data: bytes) -> bytes:
    """Let libjpeg decode at its own smaller scale and encode plainly: nothing can be cheaper."""
    with Image.open(BytesIO(data)) as image:
        height = round(image.height * WIDTH / image.width)
        image.draft("RGB", (WIDTH, height))
        out = BytesIO()
        image.save(out, "JPEG", quality=80)
    return out.getvalue()


_OTHERS: dict[str, Contender] = {_PILLOW: _pillow, _THUMBNAIL: _thumbnail, _FLOOR: _floor}


def measure(*, quick: bool) -> list[Row]:
    """Measure all photographs."""
    engine.prepare(threads=1)
    repetitions = 3 if quick else 15
    rows: list[Row] = []
    ratios: dict[str, list[float]] = {name: [] for name in _OTHERS}
    for photo, path in EIGHT.items():
        data = path.read_bytes()
        _check_equal(photo, data)
        spent = cpu_ms({"ours": _ours, **_OTHERS}, data, repetitions)
        for name in _OTHERS:
            ratio = spent["ours"] / spent[name]
            ratios[name].append(ratio)
            figure = f"{spent['ours']:.1f} / {spent[name]:.1f} ms"
            rows.append(_row(f"{photo}, against {name}", figure, ratio, _BOUNDS.get(name)))
    rows.sort(key=lambda row: list(_OTHERS).index(row.what.partition(", against ")[2]))
    for name, found in ratios.items():
        mean = math.exp(sum(math.log(ratio) for ratio in found) / len(found))
        bound = (_BOUNDS | _LATER)[name]
        rows.append(_row(f"all eight, geometric mean, against {name}", "", mean, bound))
    return rows


def _row(what: str, figure: str, ratio: float, bound: float | None) -> Row:
    return Row(what, figure, ratio) if bound is None else ratio_at_most(what, figure, ratio, bound)


def cpu_ms(contenders: dict[str, Contender], data: bytes, repetitions: int) -> dict[str, float]:
    """Run contenders in turn; returns each one's least CPU time of all threads, in ms."""
    best = dict.fromkeys(contenders, math.inf)
    for _ in range(repetitions):
        for name, contender in contenders.items():
            started = time.process_time()
            contender(data)
            best[name] = min(best[name], time.process_time() - started)
    return {name: seconds * 1e3 for name, seconds in best.items()}


def _check_equal(photo: str, data: bytes) -> None:
    """Make sure that the same thing is compared; also the warm-up. Raises RuntimeError."""
    ours, theirs = _facts(_ours(data)), _facts(_thumbnail(data))
    if ours != theirs:
        raise RuntimeError(f"{photo}: the outputs differ in their settings: {ours} / {theirs}")
    for other in (_pillow, _floor):
        other(data)


def _facts(data: bytes) -> dict[str, Any]:
    with Image.open(BytesIO(data)) as image:
        jpeg = cast("JpegImagePlugin.JpegImageFile", image)
        return {
            "size": jpeg.size,
            "progressive": bool(jpeg.info.get("progressive")),
            "sampling": JpegImagePlugin.get_sampling(jpeg),
            "tables": jpeg.quantization,
        }

"""Operation by operation: the engine against the same thing written by hand with libvips.

Both make a JPEG 800 px wide of one photograph, with the same loader, resize and encoder. What is
written by hand is what libvips offers for the purpose in a line or two; where nothing does, what a
recipe would say. Operations without a row are as many lines by hand as they are here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import pyvips

from bench.engine import SETTINGS, WIDTH, cpu_ms
from bench.photographs import TWELVE
from bench.report import Row, ratio_at_most
from safelight import engine
from safelight.limits import Limits
from safelight.operations import OPERATIONS
from safelight.transform import parse

_BOUND = 1.1
# libjpeg's own scaling that the engine chooses for this photograph, too; compared before measuring.
_SHRINK = 4

Image = Any
Step = Callable[[Image], Image]


def _plain(image: Image) -> Image:
    return image


def _exposure(image: Image) -> Image:
    return (image.colourspace("scrgb") * 2**0.7).colourspace("srgb")


def _normalize(image: Image) -> Image:
    image = image.copy_memory()
    grey = image.colourspace("b-w")
    dark, light = grey.percent(1), grey.percent(99)
    return image.linear(255 / (light - dark), -dark * 255 / (light - dark), uchar=True)


def _clahe(image: Image) -> Image:
    lab = image.copy_memory().colourspace("lab")
    light = lab.extract_band(0).linear(2.55, 0.5, uchar=True)
    side = math.ceil(image.width / 8)
    light = light.hist_local(side, side, max_slope=2) / 2.55
    joined = light.bandjoin(lab.extract_band(1, n=2)).copy(interpretation="lab")
    return joined.colourspace("srgb")


def _mixed(matrix: list[list[float]]) -> Step:
    return lambda image: image.recomb(matrix).cast("uchar")


def _tint(image: Image) -> Image:
    light = image.colourspace("lab").extract_band(0)
    return light.bandjoin([9.4, -65.4]).copy(interpretation="lab").colourspace("srgb")


def _duotone(image: Image) -> Image:
    ramp = pyvips.Image.identity()
    dark, light = (0x1A, 0x2B, 0x6B), (0xFF, 0xD9, 0xA0)
    slopes = [(high - low) / 255 for low, high in zip(dark, light, strict=True)]
    return image.colourspace("b-w").maplut(ramp.linear(slopes, dark, uchar=True))


def _denoise(image: Image) -> Image:
    """Filter as He, Sun and Tang write it, with squares of 9 px."""
    image = image.copy_memory()
    square = pyvips.Image.new_from_array([[1] * 9], scale=9)
    pixels = image.cast("float")
    mean = pixels.convsep(square).copy_memory()
    variance = (pixels * pixels).convsep(square) - mean * mean
    kept = (variance / (variance + 15**2)).copy_memory()
    return (kept.convsep(square) * pixels + (mean - mean * kept).convsep(square)).cast("uchar")


def _unsharp(image: Image) -> Image:
    image = image.copy_memory()
    lack = image - image.gaussblur(2)
    return (image + (lack.abs() >= 4).ifthenelse(lack * 1.5, 0)).cast("uchar")


def _pixelate(image: Image) -> Image:
    blocks = image.shrink(16, 16, ceil=True).copy_memory().zoom(16, 16)
    return blocks.crop(0, 0, image.width, image.height)


# Operation: its arguments, and the same by hand.
_BY_HAND: dict[str, tuple[str, Step]] = {
    "normalize": ("normalize", _normalize),
    "exposure": ("exposure=0.7", _exposure),
    "brightness": ("brightness=1.2", lambda image: image.linear(1.2, 0, uchar=True)),
    "contrast": ("contrast=1.3", lambda image: image.linear(1.3, -38.25, uchar=True)),
    "gamma": ("gamma=1.4", lambda image: image.gamma(exponent=1.4)),
    "clahe": ("clahe=2", _clahe),
    "hue": (
        "hue=90",
        _mixed([[0, 0, 1], [0.356, 0.855, -0.211], [-0.574, 1.43, 0.144]]),
    ),
    "saturation": (
        "saturation=1.5",
        _mixed([[1.394, -0.357, -0.036], [-0.106, 1.143, -0.036], [-0.106, -0.357, 1.464]]),
    ),
    "grayscale": ("grayscale", lambda image: image.colourspace("b-w")),
    "negate": ("negate", lambda image: image.invert()),
    "threshold": ("threshold=110", lambda image: image.colourspace("b-w") >= 110),
    "sepia": (
        "sepia",
        _mixed([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]]),
    ),
    "tint": ("tint=1e90ff", _tint),
    "duotone": ("duotone=1a2b6b:ffd9a0", _duotone),
    "colorize": (
        "colorize=ff8000,colorize_opacity=0.3",
        lambda image: image.linear([0.7] * 3, [76.5, 38.4, 0], uchar=True),
    ),
    "denoise": ("denoise=15", _denoise),
    "median": ("median=5", lambda image: image.median(5)),
    "blur": ("blur=4", lambda image: image.gaussblur(4)),
    "unsharp": ("unsharp=1.5,unsharp_radius=2,unsharp_threshold=4", _unsharp),
    "sharpen": ("sharpen=0.5", lambda image: image.sharpen(sigma=0.5)),
    "pixelate": ("pixelate=16", _pixelate),
    "rotate": ("rotate=180", lambda image: image.copy_memory().rot180()),
    "flip": ("flip=vertical", lambda image: image.copy_memory().flipver()),
}


def measure(*, quick: bool) -> list[Row]:
    """Measure every operation that can be written by hand in few lines."""
    engine.prepare(threads=1)
    data = TWELVE.read_bytes()
    _check_equal(data)
    rows = []
    for name, (arguments, step) in _BY_HAND.items():
        if name not in OPERATIONS:
            raise RuntimeError(f"there is no operation {name} any more")
        spent = cpu_ms(
            {"ours": _ours(arguments), "by hand": _by_hand(step)}, data, 5 if quick else 25
        )
        figure = f"{spent['ours']:.1f} / {spent['by hand']:.1f} ms"
        rows.append(ratio_at_most(name, figure, spent["ours"] / spent["by hand"], _BOUND))
    return rows


def _ours(arguments: str) -> Callable[[bytes], bytes]:
    transform = parse(f"{WIDTH}x,{arguments}")
    return lambda data: engine.run(data, transform, Limits()).data


def _by_hand(step: Step) -> Callable[[bytes], bytes]:
    def make(data: bytes) -> bytes:
        image = pyvips.Image.jpegload_buffer(
            data, shrink=_SHRINK, access="sequential", fail_on="error"
        )
        height = round(image.height * WIDTH / image.width)
        image = image.resize(WIDTH / image.width, vscale=height / image.height)
        return cast("bytes", step(image).jpegsave_buffer(**SETTINGS))

    return make


def _check_equal(data: bytes) -> None:
    """Make sure that only the operations are compared. Raises RuntimeError."""
    if _ours("")(data) != _by_hand(_plain)(data):
        raise RuntimeError("without an operation the outputs differ")

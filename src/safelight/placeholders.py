"""What stands for a picture while it loads, and what tells it from others, from a few pixels of it.

Pixels are bytes, row by row from the top: RGB has 3 a pixel; RGBA has 4, the last of them alpha,
which the others are not multiplied by.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import zip_longest
from operator import mul
from typing import NamedTuple, TypeAlias

from safelight.picture import Swatch

PHASH_SIDE = 32

_BASE83 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
# What rounding leaves of a wave that is not there, in values from 0 to 1.
_NOISE = 1e-9
# What coding and resizing leave of it, on average, in values from 0 to 255.
_PHASH_NOISE = 0.03

# Colours nearer to each other than this in Oklab, where black and white are 1 apart, are one.
_NEAR = 0.1
_LEAST_SHARE = 0.005
_ROUNDS = 4

_Place: TypeAlias = tuple[float, float, float]


def blurhash(rgb: bytes, width: int, height: int, *, across: int, down: int) -> str:
    """Write the BlurHash of a picture in ``across`` x ``down`` waves, 1 to 9 each.

    Format: ``Algorithm.md`` of woltapp/blurhash. Its implementations differ in what the largest
    wave is; here as in the one in C it is the largest either way. Raises ValueError when there are
    not as many bytes as ``width`` x ``height`` px have.
    """
    waves = _waves(width, across, 0.0), _waves(height, down, 0.0)
    planes = [[_LIGHT[value] for value in plane] for plane in _planes(rgb, width, height, 3)]
    mean, *others = zip(*(_spectrum(plane, *waves) for plane in planes), strict=True)
    # A wave other than the mean is half as strong on average as at its crests.
    largest = max((2 * abs(part) for other in others for part in other), default=0.0)
    level = max(0, min(82, math.floor(largest * 166 - 0.5)))
    crest = (level + 1) / 166
    return "".join(
        (
            _base83(across - 1 + 9 * (down - 1), 1),
            _base83(level, 1),
            _base83(int.from_bytes(bytes(map(_in_srgb, mean))), 4),
            *(_base83(_blurhash_wave(2 * part / crest for part in other), 2) for other in others),
        )
    )


def _blurhash_wave(parts: Iterable[float]) -> int:
    number = 0
    for part in parts:
        root = math.copysign(math.sqrt(abs(part)), part)
        number = 19 * number + max(0, min(18, math.floor(9 * root + 9.5)))
    return number


def _base83(number: int, digits: int) -> str:
    return "".join(_BASE83[number // 83**place % 83] for place in reversed(range(digits)))


def thumbhash(rgba: bytes, width: int, height: int) -> bytes:
    """Write the ThumbHash of a picture, with its alpha if there is any: 10 to 25 bytes.

    Format: ``rgbaToThumbHash`` of evanw/thumbhash. Raises ValueError as ``blurhash`` does.
    """
    *planes, alpha = _planes(rgba, width, height, 4)
    transparent = min(alpha) < 255
    laid = [_over_its_mean(plane, alpha) for plane in planes] if transparent else planes
    colours = list(zip(*laid, strict=True))
    most, longer = 5 if transparent else 7, max(width, height)
    across, down = (max(1, _rounded(most * side / longer)) for side in (width, height))
    size = (width, height)
    light = _channel([(r + g + b) / 3 for r, g, b in colours], size, max(3, across), max(3, down))
    yellow = _channel([(r + g) / 2 - b for r, g, b in colours], size, 3, 3)
    reddish = _channel([r - g for r, g, _ in colours], size, 3, 3)
    channels = [light, yellow, reddish]
    landscape = width > height
    head = (
        _rounded(63 * light.mean)
        | _rounded(31.5 + 31.5 * yellow.mean) << 6
        | _rounded(31.5 + 31.5 * reddish.mean) << 12
        | _rounded(31 * light.crest) << 18
        | transparent << 23
        | (down if landscape else across) << 24
        | _rounded(63 * yellow.crest) << 27
        | _rounded(63 * reddish.crest) << 33
        | landscape << 39
    ).to_bytes(5, "little")
    if transparent:
        cover = _channel(alpha, size, 5, 5)
        channels.append(cover)
        head += bytes([_rounded(15 * cover.mean) | _rounded(15 * cover.crest) << 4])
    halves = [half for channel in channels for half in channel.waves]
    return head + bytes(
        low | high << 4 for low, high in zip_longest(halves[::2], halves[1::2], fillvalue=0)
    )


class _Channel(NamedTuple):
    mean: float
    crest: float
    waves: list[int]


def _channel(plane: Sequence[float], size: tuple[int, int], across: int, down: int) -> _Channel:
    """Split a plane with values from 0 to 255 into its mean and a triangle of its waves."""
    width, height = size
    spectrum = _spectrum(plane, _waves(width, across, 0.5), _waves(height, down, 0.5))
    mean, *others = (
        spectrum[y * across + x] / 255
        for y in range(down)
        for x in range(across)
        if x * down < across * (down - y)
    )
    crest = max(map(abs, others))
    if crest < _NOISE:
        return _Channel(mean, 0.0, [0] * len(others))
    # Ties are decided here, not by what rounding leaves.
    return _Channel(mean, crest, [_rounded(7.5 + round(7.5 * part / crest, 9)) for part in others])


def _over_its_mean(plane: Sequence[float], alpha: Sequence[float]) -> list[float]:
    """Lay what is transparent on the mean of what is not."""
    opaque = sum(alpha)
    mean = sum(map(mul, plane, alpha)) / opaque if opaque else 0.0
    return [mean + (value - mean) * cover / 255 for value, cover in zip(plane, alpha, strict=True)]


def phash(luma: bytes) -> int:
    """Hash what a picture of 32 x 32 values of luma shows, to 64 bits.

    Few bits differ between pictures that look alike: see ``distance``. Source: Zauner,
    "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, §3.2.1, on a picture
    that is smooth already. A wave that is not there is no bit, so that it never is one by chance.
    """
    side = PHASH_SIDE
    waves = _waves(side, 9, 0.5)[1:]
    (plane,) = _planes(luma, side, side, 1)
    spectrum = _spectrum(plane, waves, waves)
    from statistics import median

    middle = median(spectrum)
    number = 0
    for part in spectrum:
        number = number << 1 | (part - middle > _PHASH_NOISE)
    return number


def distance(a: int, b: int) -> int:
    """Count the bits in which two perceptual hashes differ, 0 to 64."""
    return (a ^ b).bit_count()


def palette(rgba: bytes, most: int = 6) -> tuple[Swatch, ...]:
    """Choose up to ``most`` colours that stand for a picture's, the commonest first.

    Each pixel counts by its alpha: what is transparent has no colours. The same picture always has
    the same ones: k-means in Oklab, from colours that are far apart and common.
    """
    points = _points(rgba)
    whole = sum(point.weight for point in points)
    centres = _apart(points, most)
    groups: list[list[_Point]] = []
    for _ in range(_ROUNDS):
        groups = _gathered(points, centres)
        centres = [_mean(group) for group in groups]
    shares = [sum(point.weight for point in group) / whole for group in groups]
    ranked = sorted(zip(shares, centres, strict=True), reverse=True)
    return tuple(
        Swatch(_hexadecimal(centre), round(share, 3))
        for share, centre in ranked
        if share >= _LEAST_SHARE
    )


class _Point(NamedTuple):
    weight: int
    place: _Place


def _points(rgba: bytes) -> list[_Point]:
    """Sum up a picture's colours by the upper four bits of each value."""
    sums: dict[tuple[int, int, int], list[int]] = {}
    bands = (rgba[band::4] for band in range(4))
    for (red, green, blue, alpha), count in Counter(zip(*bands, strict=True)).items():
        weight = count * alpha
        total = sums.setdefault((red >> 4, green >> 4, blue >> 4), [0, 0, 0, 0])
        total[0] += weight
        total[1] += weight * red
        total[2] += weight * green
        total[3] += weight * blue
    return [
        _Point(weight, _oklab(red / weight, green / weight, blue / weight))
        for weight, red, green, blue in sums.values()
        if weight
    ]


def _apart(points: list[_Point], most: int) -> list[_Place]:
    """Choose places to start from: the commonest, then what is common and far from the others."""
    places: list[_Place] = []
    gaps = [1.0] * len(points)
    while len(places) < most:
        far = [
            (weight * gap**2, place)
            for (weight, place), gap in zip(points, gaps, strict=True)
            if gap > _NEAR
        ]
        if not far:
            break
        _, chosen = max(far)
        places.append(chosen)
        gaps = [
            min(gap, math.dist(place, chosen)) for (_, place), gap in zip(points, gaps, strict=True)
        ]
    return places


def _gathered(points: list[_Point], centres: list[_Place]) -> list[list[_Point]]:
    """Give each point to the nearest centre; a centre without points is dropped."""
    groups: list[list[_Point]] = [[] for _ in centres]
    for point in points:
        gaps = [math.dist(point.place, centre) for centre in centres]
        groups[gaps.index(min(gaps))].append(point)
    return [group for group in groups if group]


def _mean(group: list[_Point]) -> _Place:
    weights = [point.weight for point in group]
    axes = zip(*(point.place for point in group), strict=True)
    lightness, green_red, blue_yellow = (sum(map(mul, axis, weights)) for axis in axes)
    whole = sum(weights)
    return lightness / whole, green_red / whole, blue_yellow / whole


def _oklab(red: float, green: float, blue: float) -> _Place:
    """Place an sRGB colour, 0 to 255 each, in Oklab.

    Source: Ottosson, "A perceptual color space for image processing", 2020.
    """
    r, g, b = _light(red), _light(green), _light(blue)
    long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    medium = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def _hexadecimal(place: _Place) -> str:
    """Write a place in Oklab as CSS writes a colour: ``#rrggbb``."""
    lightness, a, b = place
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    lights = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return f"#{bytes(map(_in_srgb, lights)).hex()}"


def _planes(pixels: bytes, width: int, height: int, bands: int) -> list[bytes]:
    if len(pixels) != width * height * bands or not pixels:
        raise ValueError(f"{len(pixels)} bytes are not {width} x {height} px of {bands} bands")
    return [pixels[band::bands] for band in range(bands)]


@lru_cache(maxsize=256)
def _waves(length: int, count: int, phase: float) -> tuple[tuple[float, ...], ...]:
    """Sample ``count`` cosines, of 0, 1, 2 … half periods, at ``length`` places."""
    return tuple(
        tuple(math.cos(math.pi * wave * (place + phase) / length) for place in range(length))
        for wave in range(count)
    )


def _spectrum(
    plane: Sequence[float],
    across: tuple[tuple[float, ...], ...],
    down: tuple[tuple[float, ...], ...],
) -> list[float]:
    """Tell how much of each product of two waves is in a plane, on average, row by row."""
    width = len(across[0])
    rows = [plane[start : start + width] for start in range(0, len(plane), width)]
    columns = [[sum(map(mul, row, wave)) for row in rows] for wave in across]
    return [sum(map(mul, column, wave)) / len(plane) for wave in down for column in columns]


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)


def _light(value: float) -> float:
    """Tell how much light, 0 to 1, an sRGB value from 0 to 255 stands for (IEC 61966-2-1)."""
    value /= 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _in_srgb(light: float) -> int:
    """Write light, 0 to 1 or a little beyond, as an sRGB value from 0 to 255."""
    light = max(0.0, min(1.0, light))
    value = light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
    return _rounded(255 * value)


_LIGHT = tuple(_light(value) for value in range(256))

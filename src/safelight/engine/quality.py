"""The quality that makes a picture look as it shall, or that makes it small enough."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import pyvips

from safelight.engine.savers import Saver
from safelight.engine.similarity import Original

# What ``quality=auto`` aims at: SSIMULACRA 2 calls 70 high and 80 very high quality. JPEGs of
# quality 75, WebPs of 79 and AVIFs of 63 have it on average, and from picture to picture as much as
# nine points more or less.
LIKENESS = 77.0
_CLOSE = 0.5
# Where to begin, and how many points one step of quality is there.
_BEGIN = {"jpeg": (75, 0.5), "webp": (79, 0.7), "avif": (63, 0.75)}
_SOUGHT = (30, 95)
_PROBES = 4
# The most of an encoder's effort that a probe gets: what is more makes it smaller, not better.
_PROBE_LEVEL = {"jpeg": 0, "webp": 2, "avif": 0}
# A larger picture is judged by its middle, so many px.
_JUDGED = 2_000_000
# Tiles that are compared, so many across and down at most, and how small a picture may be, in px.
_TILE, _TILES, _LEAST_SIDE = 128, 4, 64

# Of a worse picture nothing is left: a smaller one says more.
_LEAST_QUALITY = 10
_FITTING_PROBES = 6
# How much more the logarithm of the bytes is by a step of quality, as a first guess.
_STEP = 1 / 30
# How much less than the limit is aimed at, so that a near miss is a hit.
_MARGIN = 0.03


def alike(saver: Saver) -> int:
    """Find the quality at which a picture looks ``LIKENESS`` like itself.

    An animation is judged by its first frame. A picture too small to be judged gets the default.
    """
    saver = saver.still()
    if min(saver.image.width, saver.image.height) < _LEAST_SIDE:
        return saver.default_quality
    probe = saver.probing(_middle(saver.image), _PROBE_LEVEL[saver.format.name])
    original = Original(_tiles(probe.image))

    def likeness(quality: int) -> float:
        load = getattr(pyvips.Image, f"{probe.format.loader}_buffer")
        return original.likeness(_tiles(load(probe.write(quality))))

    return _sought(likeness, *_BEGIN[saver.format.name]) + saver.trellis_quality


def _sought(likeness: Callable[[int], float], quality: int, step: float) -> int:
    """Find the quality of a likeness that is near the one that is aimed at.

    ``quality``: where to begin; ``step``: how much one more adds there. Goes on by steps until the
    likeness lies between two that are known, and then by the straight line between these. Some
    pictures look good at any quality, and others at none: they get the lowest, and the highest.
    """
    found: dict[int, float] = {}
    low, high = _SOUGHT
    for _ in range(_PROBES):
        found[quality] = likeness(quality)
        lack = LIKENESS - found[quality]
        if abs(lack) <= _CLOSE:
            return quality
        low, high = (quality, high) if lack > 0 else (low, quality)
        if high <= low:
            break
        if low in found and high in found:
            slope = (found[high] - found[low]) / (high - low)
            wanted = low + round((LIKENESS - found[low]) / slope)
        else:
            wanted = quality + round(lack / step)
        quality = max(low, min(wanted, high))
        if quality in found:
            break
    return quality


def under(saver: Saver, limit: int, quality: int, written: bytes) -> bytes:
    """Write with the highest quality of at most ``limit`` bytes, or else the lowest that there is.

    ``written`` is what ``quality`` gave: too large.
    """
    least = min(_LEAST_QUALITY, quality)
    tried = {quality: written}
    for _ in range(_FITTING_PROBES):
        low = max((q for q, data in tried.items() if len(data) <= limit), default=least - 1)
        high = min(q for q, data in tried.items() if len(data) > limit)
        nearly = low in tried and _excess(tried[low], limit) >= -_MARGIN
        if nearly or high - low <= 1:
            break
        quality = max(low + 1, min(_guess(tried, limit), high - 1))
        tried[quality] = saver.write(quality)
    fitting = [q for q, data in tried.items() if len(data) <= limit]
    if fitting:
        return tried[max(fitting)]
    return tried.get(least) or saver.write(least)


def _guess(tried: dict[int, bytes], limit: int) -> int:
    """Guess the quality that just fits from the two tries that come nearest to it."""
    excess = {quality: _excess(data, limit) for quality, data in tried.items()}
    best, *others = sorted(excess, key=lambda quality: abs(excess[quality]))
    step = _STEP
    if others and excess[others[0]] != excess[best]:
        step = max(step / 3, (excess[others[0]] - excess[best]) / (others[0] - best))
    return best - math.ceil(excess[best] / step)


def _excess(data: bytes, limit: int) -> float:
    """Tell by how much, as a logarithm, there are more bytes than are aimed at."""
    return math.log(len(data) / limit) + _MARGIN


def fewer(saver: Saver, limit: int) -> bytes | None:
    """Write with as many colours as fit into ``limit`` bytes; None when no palette is so small."""
    ways, fitting = saver.palettes(), None
    low, high = 0, len(ways)
    while low < high:
        middle = (low + high) // 2
        data = ways[middle]()
        if len(data) <= limit:
            fitting, high = data, middle
        else:
            low = middle + 1
    return fitting


def _middle(image: pyvips.Image) -> pyvips.Image:
    scale = math.sqrt(_JUDGED / (image.width * image.height))
    if scale >= 1:
        return image
    width, height = (max(_LEAST_SIDE, int(side * scale)) for side in (image.width, image.height))
    return image.crop((image.width - width) // 2, (image.height - height) // 2, width, height)


def _tiles(image: pyvips.Image) -> pyvips.Image:
    """Put tiles from all over a picture side by side: they tell as much, and are less to compare.

    What is transparent is laid on white.
    """
    if image.hasalpha():
        image = image.flatten(background=65_535 if image.format == "ushort" else 255)
    image = image.copy_memory()
    if image.width * image.height <= (_TILE * _TILES) ** 2:
        return image
    width, height = min(_TILE, image.width), min(_TILE, image.height)
    columns, rows = _places(image.width, width), _places(image.height, height)
    tiles = [image.crop(x, y, width, height) for y in rows for x in columns]
    return cast("pyvips.Image", pyvips.Image.arrayjoin(tiles, across=len(columns)).copy_memory())


def _places(side: int, length: int) -> list[int]:
    """Spread tiles of a length evenly over a side."""
    count = max(1, min(_TILES, side // length))
    return [round((side - length) * number / max(1, count - 1)) for number in range(count)]

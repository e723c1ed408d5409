"""How the tones of a picture are spread: over all of it, or over its parts."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from safelight.operations.frame import Frame, Image
from safelight.operations.pixelwise import colours, rounded, tone, with_alpha_of

# How many pixels have each level, or how much of them is to be seen.
Counts: TypeAlias = list[float]

_LEVELS = 256


def span(frame: Frame, share: float) -> tuple[float, float]:
    """Find the tones, 0 to 1, below and above which lies only this share of what can be seen.

    The whole range, when there is but one tone.
    """
    sums = list(accumulate(_counts(tone(frame), _alpha(frame))))
    dark = next((level for level, sum_ in enumerate(sums) if sum_ > share * sums[-1]), 0)
    light = next(level for level, sum_ in enumerate(sums) if sum_ >= (1 - share) * sums[-1])
    return (dark / frame.peak, light / frame.peak) if light > dark else (0.0, 1.0)


def equalised(frame: Frame, slope: float, tiles: int) -> Frame:
    """Equalise tones tile by tile, where a level's contrast may grow by ``slope`` at most.

    ``tiles``: how many lie along the longer side. Contrast limited adaptive histogram equalisation:
    Zuiderveld in "Graphics Gems IV", 1994; colours move as far as their tone does.
    """
    image: Any = frame.image
    tones: Any = tone(frame)
    longer = max(image.width, image.height)
    across, down = (
        _Side(length, math.ceil(tiles * length / longer)) for length in (image.width, image.height)
    )
    table = frame.once("clahe", lambda: _table(frame, across, down, slope))
    levels = tones * ((_LEVELS - 1) / frame.peak)
    places = across.places()
    curve = _in_rows(image, [math.floor(place) * _LEVELS for place in places])
    share = _in_rows(image, [place % 1 for place in places])
    both = table.mapim((levels + curve).bandjoin(_in_columns(image, down.places())))
    left, right = both.extract_band(0), both.extract_band(1)
    change = (left + (right - left) * share - levels) * (frame.peak / (_LEVELS - 1))
    changed = with_alpha_of(image, rounded(colours(image) + change, image.format))
    return replace(frame, image=changed.copy(interpretation=image.interpretation))


class _Side(msgspec.Struct, frozen=True):
    """A side of a picture, ``length`` px long, in so many equal tiles."""

    length: int
    tiles: int

    def numbers(self) -> list[int]:
        """Tell for each pixel in which tile it is."""
        return [pixel * self.tiles // self.length for pixel in range(self.length)]

    def places(self) -> list[float]:
        """Tell for each pixel where it is between the centres of tiles, 0 for the first of them.

        What lies outside of them counts as on the first or last.
        """
        scale = self.tiles / self.length
        places = ((pixel + 0.5) * scale - 0.5 for pixel in range(self.length))
        return [min(max(place, 0.0), self.tiles - 1.0) for place in places]


def _in_rows(image: Image, values: Sequence[float]) -> Any:
    """Make a picture of the same size with these values in each row."""
    row = image.new_from_memory(array("f", values).tobytes(), image.width, 1, 1, "float")
    return row.zoom(1, image.height)


def _in_columns(image: Image, values: Sequence[float]) -> Any:
    """Make a picture of the same size with these values in each column."""
    column = image.new_from_memory(array("f", values).tobytes(), 1, image.height, 1, "float")
    return column.zoom(image.width, 1)


def _table(frame: Frame, across: _Side, down: _Side, slope: float) -> Image:
    """Make the curves of all tiles: a line for each row of tiles, one curve beside the other.

    The second band is that of the next tile in the row.
    """
    image = frame.image
    levels = tone(frame).cast("uchar", shift=frame.peak > 255)
    rows = _in_columns(image, [number * across.tiles for number in down.numbers()])
    tiles = _in_rows(image, across.numbers()) + rows
    # One histogram for all: of levels that count on from tile to tile.
    counts = _counts((tiles * _LEVELS + levels).cast("ushort"), _alpha(frame))
    size = across.tiles * down.tiles * _LEVELS
    counts += [0.0] * (size - len(counts))
    curves = [_curve(counts[start : start + _LEVELS], slope) for start in range(0, size, _LEVELS)]
    following = [
        curves[number if (number + 1) % across.tiles == 0 else number + 1]
        for number in range(len(curves))
    ]
    pairs = zip(chain.from_iterable(curves), chain.from_iterable(following), strict=True)
    cells = array("f", chain.from_iterable(pairs))
    table: Image = image.new_from_memory(
        cells.tobytes(), across.tiles * _LEVELS, down.tiles, 2, "float"
    )
    return table


def _curve(counts: Counts, slope: float) -> list[float]:
    """Equalise a histogram: a level for each of 256; black and white stay."""
    limit = slope * sum(counts) / _LEVELS
    most, spread = _levelled(counts, limit)
    sums = list(accumulate(min(count, most) + spread for count in counts))
    rise = sums[-1] - sums[0]
    if not rise:
        return [float(level) for level in range(_LEVELS)]
    return [(sum_ - sums[0]) / rise * (_LEVELS - 1) for sum_ in sums]


def _levelled(counts: Counts, limit: float) -> tuple[float, float]:
    """Cut off what is above a count and spread it over all, so that none has more than the limit.

    Returns the count to cut at, and what is added to each.
    """
    most, above = limit, 0.0
    for cut, count in enumerate(sorted(counts, reverse=True)[:-1], start=1):
        if count <= most:
            break
        above += count
        # Solves: most + (above - cut * most) / 256 = limit.
        most = (limit - above / _LEVELS) / (1 - cut / _LEVELS)
    return most, limit - most


def _alpha(frame: Frame) -> Image | None:
    image = frame.image
    return image.extract_band(image.bands - 1) if image.hasalpha() else None


def _counts(tones: Image, alpha: Image | None) -> Counts:
    """Count the pixels of each level; see-through ones count less."""
    found = tones.hist_find() if alpha is None else alpha.hist_find_indexed(tones, combine="sum")
    counts: Counts = found.tolist()[0]
    return counts

"""How the tones of a picture are spread: over all of it, or over its parts."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, TypeAlias

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
    grid = _Grid.over(image.width, image.height, tiles)
    table = frame.once("clahe", lambda: _table(frame, grid, slope))
    levels = tones * ((_LEVELS - 1) / frame.peak)
    column, share, row = grid.places(image)
    both = table.mapim((levels + column * _LEVELS).bandjoin(row).cast("float"))
    left, right = both.extract_band(0), both.extract_band(1)
    change = (left + (right - left) * share - levels) * (frame.peak / (_LEVELS - 1))
    changed = rounded(colours(image) + change, image.format)
    return replace(
        frame,
        image=with_alpha_of(image, changed).copy(interpretation=image.interpretation),
    )


@dataclass(frozen=True, slots=True)
class _Grid:
    """Square tiles of ``side`` px over a picture; those at the end may reach beyond it."""

    side: int
    across: int
    down: int

    @classmethod
    def over(cls, width: int, height: int, tiles: int) -> _Grid:
        side = math.ceil(max(width, height) / tiles)
        return cls(side, math.ceil(width / side), math.ceil(height / side))

    def places(self, image: Image) -> tuple[Any, Any, Any]:
        """Tell for each pixel the tile whose centre is left of it, how far it is, and its row."""
        across = [self._place(x, self.across) for x in range(image.width)]
        columns = array("f", [float(math.floor(place)) for place in across])
        shares = array("f", [place % 1 for place in across])
        rows = array("f", [self._place(y, self.down) for y in range(image.height)])
        width, height = image.width, image.height
        return (
            image.new_from_memory(columns.tobytes(), width, 1, 1, "float").zoom(1, height),
            image.new_from_memory(shares.tobytes(), width, 1, 1, "float").zoom(1, height),
            image.new_from_memory(rows.tobytes(), 1, height, 1, "float").zoom(width, 1),
        )

    def _place(self, pixel: int, tiles: int) -> float:
        """Count in tiles from the centre of the first; what is outside counts as on the edge."""
        return min(max((pixel + 0.5) / self.side - 0.5, 0.0), tiles - 1.0)


def _table(frame: Frame, grid: _Grid, slope: float) -> Image:
    """Make the curves of all tiles: a line for each row of tiles, a level beside the other.

    The second band is that of the next tile in the row.
    """
    size = grid.across * grid.side, grid.down * grid.side
    tones = tone(frame)
    tones = tones.cast("uchar", shift=frame.peak > 255).embed(0, 0, *size, extend="mirror")
    alpha = _alpha(frame)
    if alpha is not None:
        alpha = alpha.embed(0, 0, *size, extend="mirror")
    cells = array("f")
    for y in range(grid.down):
        curves = []
        for x in range(grid.across):
            box = (x * grid.side, y * grid.side, grid.side, grid.side)
            counts = _counts(tones.crop(*box), None if alpha is None else alpha.crop(*box))
            curves.append(_curve(counts, slope))
        for curve, following in zip(curves, [*curves[1:], curves[-1]], strict=True):
            for pair in zip(curve, following, strict=True):
                cells.extend(pair)
    table: Image = frame.image.new_from_memory(
        cells.tobytes(), grid.across * _LEVELS, grid.down, 2, "float"
    )
    return table


def _curve(counts: Counts, slope: float) -> list[float]:
    """Equalise a histogram: a level for each of 256; black and white stay."""
    counts = counts + [0.0] * (_LEVELS - len(counts))
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

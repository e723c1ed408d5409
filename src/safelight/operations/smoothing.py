"""Means of a pixel's surroundings, in which pixels count as much as they can be seen."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise
from typing import Any

from safelight.operations.frame import Image
from safelight.operations.pixelwise import colours, rounded

# Sigma, in px, that is left when a wide blur is made of a smaller picture; and the most that a
# weight may be for libvips to reckon with it exactly in its fastest way, 8 bits at a time.
_FINE_SIGMA = 8.0
_MOST_WEIGHT = 63
# From one part in so many on a pixel is opaque enough to have a colour of its own.
_SEEN = 8
# What rounding quarters to whole values, halves up, adds on the average when it is done twice.
_HALVES_UP = 0.25


def gaussian(image: Image, sigma: float) -> Image:
    """Blur by a Gaussian of ``sigma`` px; alpha is blurred, too, and weights the colours.

    Beyond the edges lies what is on them. Never more than 2.5 levels of 8 bits from the truth.
    """
    if sigma <= 0:
        return image
    if not image.hasalpha():
        return _blurred(image, sigma)
    weighted = rounded(image.premultiply(), image.format)
    return rounded(_blurred(weighted, sigma).unpremultiply(), image.format)


def opaque(image: Image, reach: float) -> Image:
    """Give pixels that can hardly be seen the colours around them, and drop alpha.

    So that what cannot be seen has no part in what becomes of that which can. ``reach``: how far
    colours go, in px.
    """
    if not image.hasalpha():
        return image
    alpha = image.extract_band(image.bands - 1)
    if alpha.min() == alpha.max() != 0:
        return colours(image)
    around: Any = colours(gaussian(image, reach))
    own = (alpha * _SEEN).cast(image.format) / (65_535 if image.format == "ushort" else 255)
    filled = rounded(around + (colours(image) - around) * own, image.format)
    solid: Image = filled.copy(interpretation=image.interpretation)
    return solid


def guided(image: Image, levels: float) -> Image:
    """Smooth what varies by less than so many ``levels`` of 255, and leave what varies by more.

    The fast guided filter, with the picture as its own guide: what it multiplies by and adds is
    found at half the size, in squares of 5 px (He and Sun, "Fast guided filter",
    arXiv:1505.00996, 2015). ``image`` has no alpha.
    """
    peak = 65_535 if image.format == "ushort" else 255
    width, height = image.width, image.height
    across, down = width + width % 2, height + height % 2
    small = image.embed(0, 0, across, down, extend="copy").cast("float").shrink(2, 2).copy_memory()
    mean = _boxed(small)
    variance = (_boxed(small * small) - mean * mean).abs()
    kept = (variance / (variance + (levels * peak / 255) ** 2)).copy_memory()
    factor, added = (
        _doubled(rounded(_boxed(part), image.format)).crop(0, 0, width, height)
        for part in (kept * peak, mean - mean * kept - _HALVES_UP)
    )
    return rounded(image * factor / peak + added, image.format)


def median_of_nine(image: Image) -> Image:
    """Take the median of the square of 3 px around each pixel.

    By least and greatest of pairs, sixteen times as fast as libvips's own: the median is that of
    the greatest of the columns' least, the median of their medians and the least of their greatest
    (Smith, "Implementing median filters in XC4000E FPGAs", Xcell 23, 1996).
    """
    width, height = image.width, image.height
    wide = image.embed(1, 1, width + 2, height + 2, extend="copy")
    columns = _in_order(*(wide.crop(0, y, width + 2, height) for y in range(3)))
    low, middle, high = (
        _in_order(*(column.crop(x, 0, width, height) for x in range(3))) for column in columns
    )
    return _in_order(low[2], middle[1], high[0])[1]


def _in_order(one: Image, two: Image, three: Image) -> tuple[Image, Image, Image]:
    """Sort three pictures pixel by pixel and band by band."""
    one, two = one.minpair(two), one.maxpair(two)
    two, three = two.minpair(three), two.maxpair(three)
    return one.minpair(two), one.maxpair(two), three


def _boxed(image: Image) -> Any:
    """Take the mean of the square of 5 px around each pixel."""
    return _by_both_sides(image, [1] * 5, precision="float")


def _doubled(image: Image) -> Image:
    """Enlarge to twice the size; new pixels lie evenly between old ones."""
    return _by_both_sides(image.zoom(2, 2), [1, 2, 1], precision="integer")


def _blurred(image: Image, sigma: float) -> Image:
    factor = int(sigma / _FINE_SIGMA)
    if factor < 2:
        return _convolved(image, sigma)
    # A wide blur of a picture is a narrow one of a smaller picture: shrinking and enlarging by
    # boxes, and rounding off the boxes, are the rest of it.
    last = factor / 2
    rest = math.sqrt(sigma**2 - (factor**2 - 1) / 6 - last**2) / factor
    width, height = image.width, image.height
    margin, ring = factor * math.ceil(sigma / factor), 2 * factor
    across, down = (2 * margin + math.ceil(side / factor) * factor for side in (width, height))
    small = image.embed(margin, margin, across, down, extend="copy").shrink(factor, factor)
    large = _convolved(small.copy_memory(), rest).zoom(factor, factor)
    start = margin - ring
    large = large.crop(start, start, width + 2 * ring, height + 2 * ring).copy_memory()
    blurred: Image = _blurred(large, last).crop(ring, ring, width, height)
    return blurred


def _convolved(image: Image, sigma: float) -> Image:
    return _by_both_sides(image, _gaussian_weights(sigma), precision="integer")


def _by_both_sides(image: Image, weights: list[int], *, precision: str) -> Image:
    """Take weighted means along the rows, then along the columns.

    In memory between the two: rows that overlap would be made several times.
    """
    total = sum(weights)
    along = image.new_from_array([weights], scale=total)
    down = image.new_from_array([[weight] for weight in weights], scale=total)
    rows = image.conv(along, precision=precision).copy_memory()
    columns: Image = rows.conv(down, precision=precision).copy_memory()
    return columns


def _gaussian_weights(sigma: float) -> list[int]:
    """Write a Gaussian as whole weights whose sum is a power of two, none above the most.

    Rounded so that the sums from the middle outwards are right, and so is the blur of an edge.
    """
    reach = math.ceil(4 * sigma)
    half = [math.exp(-0.5 * (step / sigma) ** 2) for step in range(reach + 1)]
    whole = 2 * math.fsum(half) - half[0]
    total = 2 ** int(math.log2(_MOST_WEIGHT * whole))
    sums = [math.floor(sum_ * total / whole + 0.5) for sum_ in accumulate(half[1:])]
    side = [after - before for before, after in pairwise([0, *sums])]
    while side and not side[-1]:
        side.pop()
    return [*reversed(side), total - 2 * sum(side), *side]

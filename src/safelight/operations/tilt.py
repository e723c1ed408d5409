"""Turning a picture by other than quarter turns."""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec.structs import replace

from safelight.operations.backdrop import blurred, over
from safelight.operations.canvas import backed
from safelight.operations.fitting import turned_size
from safelight.operations.frame import FLUSH, Frame, Image


def tilted(frame: Frame, degrees: float) -> Frame:
    """Turn a picture clockwise around its middle; its corners show the background.

    They are transparent unless there is an opaque one, or the picture itself, blurred.
    """
    width, height = turned_size(frame.width, frame.height, degrees)
    frame = frame.in_memory()
    if frame.wanted:
        size, overhang = frame.wanted, FLUSH
        density = (size[0] / width, size[1] / height)
    else:
        density = (frame.density[0],) * 2
        exact = (width * density[0], height * density[1])
        size = math.ceil(exact[0] - 1e-6), math.ceil(exact[1] - 1e-6)
        beside, above = (size[0] - exact[0]) / 2, (size[1] - exact[1]) / 2
        overhang = (beside, above, beside, above)
    on_ground = _transparent if frame.image.hasalpha() else _opaque
    image = on_ground(frame, _turning(frame, degrees, size, density), size)
    return replace(frame, image=image, width=width, height=height, overhang=overhang)


def _turning(
    frame: Frame, degrees: float, size: tuple[int, int], density: tuple[float, float]
) -> Callable[..., Image]:
    """Make what turns images like a frame's, each around its middle in the middle of ``size`` px.

    ``density``: how many px of the result there are for a nominal one.
    """
    across, down = frame.density
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    # From px of the image to nominal ones, around, and to px of the result.
    matrix = [
        cosine * density[0] / across, -sine * density[0] / down,
        sine * density[1] / across, cosine * density[1] / down,
    ]  # fmt: skip
    # libvips counts from the middle of the first px.
    x = frame.overhang[0] + (frame.width * across - 1) / 2
    y = frame.overhang[1] + (frame.height * down - 1) / 2
    place = {
        "oarea": [0, 0, *size],
        "odx": (size[0] - 1) / 2 - matrix[0] * x - matrix[1] * y,
        "ody": (size[1] - 1) / 2 - matrix[2] * x - matrix[3] * y,
    }

    def turn(image: Image, **options: object) -> Image:
        turned: Image = image.affine(matrix, **place, **options)
        return turned

    return turn


def _opaque(frame: Frame, turn: Callable[..., Image], size: tuple[int, int]) -> Image:
    """Turn a picture without transparency."""
    image = frame.image
    ground: Image | list[float] | None = None
    if frame.background == "blur":
        ground = blurred(image, *size)
    elif frame.colour and frame.colour[3] == 255:
        image, ground = backed(frame)
    # What is beyond the edge must not colour it: the picture goes on there, and is cut off.
    pixels = turn(image, extend="copy", interpolate=frame.materials.interpolator())
    there = turn(image.new_from_image(255).cast("uchar"))
    if ground is None:
        seen = pixels.bandjoin(there.cast(image.format, shift=True))
        cut: Image = there.ifthenelse(seen, [0.0] * (image.bands + 1))
        return cut
    laid: Image = there.ifthenelse(pixels, ground, blend=True)
    return laid


def _transparent(frame: Frame, turn: Callable[..., Image], size: tuple[int, int]) -> Image:
    """Turn a picture with transparency."""
    image = frame.image
    there = turn(image.new_from_image(1).cast("float"))
    pixels = turn(
        image.premultiply(), extend="copy", interpolate=frame.materials.interpolator()
    ).multiply(there)
    values = pixels.unpremultiply().rint().cast(image.format)
    turned: Image = values.extract_band(image.bands - 1).ifthenelse(values, [0.0] * image.bands)
    if frame.background == "blur":
        return over(turned, blurred(image, *size))
    if frame.colour is None or frame.colour[3] < 255:
        return turned
    coloured, ink = backed(replace(frame, image=turned))
    flat: Image = coloured.flatten(background=ink[:-1], max_alpha=frame.peak)
    return flat

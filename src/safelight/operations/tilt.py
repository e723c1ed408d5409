"""Turning a picture by other than quarter turns."""

from __future__ import annotations

import math
from dataclasses import replace

from safelight.operations.backdrop import blurred, over
from safelight.operations.canvas import backed
from safelight.operations.fitting import turned_size
from safelight.operations.frame import Frame, Image


def tilted(frame: Frame, degrees: float) -> Frame:
    """Turn a picture clockwise around its middle; its corners show the background.

    They are transparent unless there is an opaque one, or the picture itself, blurred.
    """
    width, height = turned_size(frame.width, frame.height, degrees)
    frame = frame.in_memory()
    across, _ = frame.density
    columns, rows = math.ceil(width * across - 1e-6), math.ceil(height * across - 1e-6)
    beside, above = (columns - width * across) / 2, (rows - height * across) / 2
    image = _on_ground(frame, _turned(frame, degrees, columns, rows))
    return replace(
        frame, image=image, width=width, height=height, overhang=(beside, above, beside, above)
    )


def _turned(frame: Frame, degrees: float, columns: int, rows: int) -> Image:
    """Turn an image around its middle, in the middle of ``columns`` x ``rows`` px, with alpha."""
    across, down = frame.density
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    # An image may be a little denser in one direction than in the other; a turned one is not.
    matrix = [cosine, -sine * across / down, sine, cosine * across / down]
    # libvips counts from the middle of the first px.
    x = frame.overhang[0] + (frame.width * across - 1) / 2
    y = frame.overhang[1] + (frame.height * down - 1) / 2
    place = {
        "oarea": [0, 0, columns, rows],
        "odx": (columns - 1) / 2 - matrix[0] * x - matrix[1] * y,
        "ody": (rows - 1) / 2 - matrix[2] * x - matrix[3] * y,
    }
    image, alpha = frame.image, frame.image.hasalpha()
    # What is beyond the edge must not colour it: the picture goes on there, and is cut off.
    pixels = (image.premultiply() if alpha else image).affine(
        matrix, **place, extend="copy", interpolate=frame.materials.interpolator()
    )
    there = image.new_from_image(frame.peak).affine(matrix, **place)
    if alpha:
        pixels = pixels.multiply(there.linear(1 / frame.peak, 0)).unpremultiply()
        pixels = pixels.rint().cast(image.format)
    else:
        pixels = pixels.bandjoin(there)
    last = pixels.bands - 1
    turned: Image = pixels.extract_band(last).ifthenelse(pixels, [0.0] * (last + 1))
    return turned


def _on_ground(frame: Frame, turned: Image) -> Image:
    """Lay a turned picture, which has alpha, on its background."""
    if frame.background == "blur":
        return over(turned, blurred(frame.image, turned.width, turned.height))
    if frame.colour is None or frame.colour[3] < 255:
        return turned
    image, ink = backed(replace(frame, image=turned))
    flat: Image = image.flatten(background=ink[:-1], max_alpha=frame.peak)
    return flat

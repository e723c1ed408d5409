"""What is cut away from a picture: its corners, or all but a shape."""

import math
from typing import Annotated

from safelight.operations.compositing import widened
from safelight.operations.frame import Frame, Image
from safelight.operations.registry import Stage, operation
from safelight.operations.shapes import SHAPES, rounded
from safelight.params import Enum, Key, Length, Part


@operation(Stage.MASK, cost=0.2, example="w=400,h=300,round=0.1")
def round_(
    frame: Frame,
    *,
    round: Annotated[
        Part | str | None, Length(words=("max",), bare="0.1", aliases=("radius",))
    ] = None,
) -> Frame:
    """Round the corners: what is cut away is see-through, or shows the background.

    The radius is in px, a part of the shorter side, or ``max`` for half of that side, which makes a
    circle of a square.
    """
    shorter = min(frame.width, frame.height)
    radius = shorter / 2
    if not isinstance(round, str):
        radius = min(radius, frame.length(round or 0, shorter))
    if radius == 0:
        return frame
    return _cut(frame, frame.once("round", lambda: _round_corners(frame, radius)))


def _round_corners(frame: Frame, radius: float) -> Image:
    """Make a mask; one corner is drawn and mirrored."""
    width, height = frame.width, frame.height
    side = math.ceil(radius)
    drawn = frame.materials.drawing(rounded(width, height, radius, side), side, side)
    corner = drawn.extract_band(3).copy_memory()
    right, bottom = width - side, height - side
    mask: Image = (
        corner.embed(0, 0, width, height, extend="white")
        .insert(corner.fliphor(), right, 0)
        .insert(corner.flipver(), 0, bottom)
        .insert(corner.rot180(), right, bottom)
        .copy_memory()
    )
    return mask


@operation(Stage.MASK, cost=0.2, example="w=300,h=300,mask=hexagon")
def mask(frame: Frame, *, mask: Annotated[str | None, Enum(tuple(SHAPES))] = None) -> Frame:
    """Cut out a shape, as large as fits: the rest is see-through, or shows the background.

    An ellipse touches all four sides; the other shapes keep their proportions, in the middle.
    """
    if mask is None:
        return frame
    size = (frame.width, frame.height)

    def made() -> Image:
        drawn = frame.materials.drawing(SHAPES[mask].svg(*size), *size)
        shape: Image = drawn.extract_band(3).copy_memory()
        return shape

    return _cut(frame, frame.once("mask", made))


@operation(Stage.MASK, cost=0.3, example="w=400,h=300,mask_image=marks%2Flogo.svg")
def mask_image(frame: Frame, *, mask_image: Annotated[str | None, Key()] = None) -> Frame:
    """Cut out what another picture of the source store shows, stretched over this one.

    Where it is see-through, so is the result; a mask without transparency keeps what is white in it
    and takes away what is black.
    """
    if mask_image is None:
        return frame

    def made() -> Image:
        picture = frame.materials.picture(mask_image, frame.width, frame.height)
        alpha: Image = picture.extract_band(3)
        if alpha.min() < 255:
            return alpha
        grey = picture.extract_band(0, n=3).colourspace("b-w")
        lightness: Image = grey.extract_band(0).copy_memory()
        return lightness

    return _cut(frame, frame.once("mask image", made))


def _cut(frame: Frame, mask: Image) -> Frame:
    """Take away what a mask of one band does not keep; 255 keeps all.

    What is gone has no colour either: nobody can bring it back, and it takes no bytes.
    """
    # Read twice, for its colours and for its alpha.
    image = frame.in_memory().image if frame.image.hasalpha() else frame.image
    colours = image.bands - image.hasalpha()
    shown = mask.ifthenelse(image.extract_band(0, n=colours), [0] * colours)
    if image.hasalpha():
        kept = image.extract_band(colours).multiply(mask).linear(1 / 255, 0)
        alpha = kept.rint().cast(image.format)
    else:
        alpha = widened(mask) if frame.peak > 255 else mask
    cut = shown.cast(image.format).bandjoin(alpha).copy(interpretation=image.interpretation)
    return frame.having(cut)

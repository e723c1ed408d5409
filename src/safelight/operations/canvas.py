"""What lies around a picture: padding, and the background that it shows."""

from collections.abc import Sequence
from typing import Annotated

from safelight.operations.backdrop import blurred, over
from safelight.operations.fitting import extended_size, place
from safelight.operations.frame import WHITE, Frame, Image
from safelight.operations.registry import Stage, operation
from safelight.params import Ink, Part, Ratio, Sides, half_up


def _bordered(
    width: int, height: int, *, pad: Sequence[Part] = (0, 0, 0, 0), dpr: float = 1.0
) -> list[tuple[int, int]]:
    top, right, bottom, left = _borders(width, height, pad, dpr)
    return [(width + left + right, height + top + bottom)]


def _borders(width: int, height: int, pad: Sequence[Part], dpr: float) -> list[int]:
    return [
        half_up(part * (side if isinstance(part, float) else dpr))
        for part, side in zip(pad, (height, width, height, width), strict=True)
    ]


@operation(Stage.PAD, cost=0.1, example="w=300,pad=20:40,bg=1a2b3c", sizes=_bordered)
def pad(
    frame: Frame, *, pad: Annotated[tuple[Part, Part, Part, Part] | None, Sides()] = None
) -> Frame:
    """Lay a border of the background around the picture.

    One length for all sides, two (above and below, left and right) or four (clockwise from above):
    px, or parts of the height or width.
    """
    if pad is None:
        return frame
    top, right, bottom, left = _borders(frame.width, frame.height, pad, frame.dpr)
    size = (frame.width + left + right, frame.height + top + bottom)
    return padded(frame, left, top, *size)


def _extended(
    width: int, height: int, *, extend: tuple[int, int] = (1, 1)
) -> list[tuple[int, int]]:
    return [extended_size(width, height, extend)]


@operation(Stage.PAD, cost=0.1, example="w=300,extend=1:1,bg=1a2b3c", sizes=_extended)
def extend(frame: Frame, *, extend: Annotated[tuple[int, int] | None, Ratio()] = None) -> Frame:
    """Pad to an aspect ratio, width to height, as little as can be.

    ``gravity`` says where the picture goes. What ``pad`` lays around it counts as part of it: the
    answer has the ratio.
    """
    if extend is None:
        return frame
    return placed(frame, *extended_size(frame.width, frame.height, extend))


def placed(frame: Frame, width: int, height: int) -> Frame:
    """Put a picture on a canvas of ``width`` x ``height`` px, where gravity says."""
    # A focal point says what to keep, and all of it is kept.
    gravity = "center" if len(frame.gravity) == 2 else frame.gravity
    left, top = place(width, height, frame.width, frame.height, gravity, frame.dpr)
    return padded(frame, left, top, width, height)


def padded(frame: Frame, left: int, top: int, width: int, height: int) -> Frame:
    """Put a picture on a canvas of ``width`` x ``height`` px, at ``left`` and ``top``.

    Shows the background around it; nothing, if the picture has transparency and nobody said.
    """
    if (width, height) == (frame.width, frame.height):
        return frame
    if frame.background == "blur":
        frame = frame.in_memory()
        ground = blurred(frame.image, width, height)
        if not frame.image.hasalpha():
            return frame.having(ground.insert(frame.image, left, top))
        return frame.having(over(frame.image.embed(left, top, width, height), ground))
    image, ink = backed(frame)
    return frame.having(image.embed(left, top, width, height, extend="background", background=ink))


def backed(frame: Frame) -> tuple[Image, list[float]]:
    """Bring image and background to the same bands, so that one can be put on the other."""
    image = frame.image
    colour = frame.colour or ((0, 0, 0, 0) if image.hasalpha() else WHITE)
    if colour[3] < 255:
        # A see-through colour is laid behind the whole picture when that is written.
        colour = (0, 0, 0, 0)
    if image.bands < 3 and len(set(colour[:3])) > 1:
        image = image.colourspace("rgb16" if frame.peak > 255 else "srgb")
    if colour[3] < 255 and not image.hasalpha():
        image = image.addalpha()
    ink = ink_of(image, colour, frame.peak)[: 3 if image.bands > 2 else 1]
    return image, [*ink, frame.peak * colour[3] / 255] if image.hasalpha() else ink


def ink_of(image: Image, colour: Ink, peak: float) -> list[float]:
    """Give a colour's red, green and blue the values that they have in a picture's space."""
    if image.bands < 3 or not image.get_typeof("icc-profile-data"):
        return [part * peak / 255 for part in colour[:3]]
    # The only profile that a picture has on its way is that of Display P3.
    pixel = image.crop(0, 0, 1, 1).cast("uchar").new_from_image(list(colour[:3]))
    inked = pixel.copy(interpretation="srgb").icc_transform(
        "p3", input_profile="srgb", depth=16 if peak > 255 else 8
    )
    values: list[float] = inked.getpoint(0, 0)
    return values

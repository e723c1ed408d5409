"""Laying one picture on another, and where it goes.

An overlay is RGB with alpha, 8 bits a value, in sRGB; what it is laid on may be grey or coloured,
opaque or not, of 8 or 16 bits.
"""

from __future__ import annotations

from safelight.operations.fitting import place
from safelight.operations.frame import Frame, Image
from safelight.params import COMPASS, Ink, Part, Place

# CSS's mix-blend-mode and what libvips calls it.
BLENDS = {
    "normal": "over", "multiply": "multiply", "screen": "screen", "overlay": "overlay",
    "darken": "darken", "lighten": "lighten", "hard-light": "hard-light",
    "soft-light": "soft-light", "difference": "difference",
}  # fmt: skip
# Padding takes no more than this part of a side, at either end: a small picture has room left.
_MOST_PADDING = 1 / 4


def laid(frame: Frame, overlay: Image, left: int, top: int, *, blend: str = "normal") -> Frame:
    """Lay an overlay on a picture; what reaches beyond the picture is cut off.

    A grey picture becomes a coloured one when the overlay is coloured.
    """
    image = frame.image
    x, y = max(0, left), max(0, top)
    across = min(left + overlay.width, image.width) - x
    down = min(top + overlay.height, image.height) - y
    if across < 1 or down < 1:
        return frame
    overlay = overlay.crop(x - left, y - top, across, down)
    if (across, down) != (image.width, image.height):
        # What is below the overlay is read twice, and a stream cannot be.
        image = frame.in_memory().image
    image, overlay = _alike(image, overlay)
    below = image.crop(x, y, across, down)
    if blend != "normal":
        overlay = _blended(below, overlay, BLENDS[blend])
    return frame.having(image.insert(_over(below, overlay), x, y))


def _alike(image: Image, overlay: Image) -> tuple[Image, Image]:
    """Bring both to the same colour space and bits; the overlay's alpha keeps its 8."""
    deep = image.format == "ushort"
    red, green, blue, alpha = overlay.bandsplit()
    if image.bands < 3 and _is_grey(red, green, blue, alpha):
        ink = red
    else:
        ink = red.bandjoin([green, blue]).copy(interpretation="srgb")
        if image.bands < 3:
            image = image.colourspace("rgb16" if deep else "srgb")
    if image.get_typeof("icc-profile-data"):
        # The only profile that a picture has on its way is that of Display P3.
        ink = ink.icc_transform("p3", input_profile="srgb", depth=16 if deep else 8)
    elif deep:
        ink = widened(ink)
    return image, ink.copy(interpretation=image.interpretation).bandjoin(alpha)


def _is_grey(red: Image, green: Image, blue: Image, alpha: Image) -> bool:
    """Tell whether nothing that can be seen has a colour."""
    coloured = red.relational(green, "noteq").boolean(green.relational(blue, "noteq"), "or")
    return bool(coloured.boolean(alpha, "and").max() == 0)


def widened(image: Image) -> Image:
    """Turn 8 bits a value into 16: white stays white."""
    deep: Image = image.linear(257, 0).cast("ushort")
    return deep


def _over(below: Image, overlay: Image) -> Image:
    """Composite the normal way; an opaque picture stays so."""
    *ink, alpha = overlay.bandsplit()
    inked = ink[0].bandjoin(ink[1:]).copy(interpretation=below.interpretation)
    if not below.hasalpha():
        opaque: Image = alpha.ifthenelse(inked, below, blend=True)
        return opaque
    deep = below.format == "ushort"
    return _composited(below, inked.bandjoin(widened(alpha) if deep else alpha), "over")


def _composited(below: Image, above: Image, mode: str) -> Image:
    """Composite in floating point: in whole numbers libvips rounds down."""
    mixed = below.cast("float").composite2(above.cast("float"), mode)
    composited: Image = mixed.rint().cast(below.format)
    return composited


def _blended(below: Image, overlay: Image, mode: str) -> Image:
    """Mix the overlay's colours with those below, as far as there are any.

    That is the general formula (W3C Compositing and Blending Level 1, section 5.8) but for its
    last step, which is plain compositing. libvips gives the formula's result only where both
    pictures are opaque.
    """
    bands = overlay.bands - 1
    ink = overlay.extract_band(0, n=bands)
    mixed = _composited(below.extract_band(0, n=bands), ink, mode).extract_band(0, n=bands)
    if below.hasalpha():
        there = below.extract_band(bands).cast("uchar", shift=below.format == "ushort")
        mixed = there.ifthenelse(mixed, ink, blend=True)
    blended: Image = mixed.bandjoin(overlay.extract_band(bands))
    return blended


def under(overlay: Image, ground: Image) -> Image:
    """Put another overlay of the same size below one."""
    return _composited(ground, overlay, "over")


def filled(mask: Image, ink: Ink) -> Image:
    """Make an overlay of one colour: there where the mask is 255, absent where it is 0."""
    colour = mask.new_from_image(list(ink[:3])).copy(interpretation="srgb")
    overlay: Image = colour.bandjoin(mask)
    return faded(overlay, ink[3] / 255)


def faded(overlay: Image, opacity: float) -> Image:
    """Make an overlay see-through; ``opacity`` from 0 to 1."""
    if opacity == 1:
        return overlay
    faint: Image = overlay.linear([1, 1, 1, opacity], [0, 0, 0, 0]).rint().cast("uchar")
    return faint


def room_for(frame: Frame, position: Place, padding: Part) -> tuple[int, int]:
    """Tell how wide and high an overlay may be at a position, in px."""
    if isinstance(position, tuple) and len(position) == 3:
        _, x, y = position
        return (
            max(1, frame.width - frame.length(x, frame.width)),
            max(1, frame.height - frame.length(y, frame.height)),
        )
    across, down = _margins(frame, padding)
    return frame.width - 2 * across, frame.height - 2 * down


def corner_of(
    frame: Frame, width: int, height: int, position: Place, padding: Part
) -> tuple[int, int]:
    """Place an overlay of ``width`` x ``height`` px: its left and top.

    A compass word leads to a side, less the padding; offsets lead inwards from the side, in place
    of the padding; a point is for the overlay's middle, within the padding.
    """
    size = (frame.width, frame.height)
    if isinstance(position, tuple) and len(position) == 3:
        return place(*size, width, height, position, frame.dpr)
    across, down = _margins(frame, padding)
    if isinstance(position, tuple):
        left, top = place(*size, width, height, position)
        return (
            max(across, min(left, frame.width - across - width)),
            max(down, min(top, frame.height - down - height)),
        )
    x, y = COMPASS[position]
    inwards = (position, 0 if x == 0.5 else across, 0 if y == 0.5 else down)
    return place(*size, width, height, inwards)


def _margins(frame: Frame, padding: Part) -> tuple[int, int]:
    margin = frame.length(padding, frame.width)
    return (
        min(margin, int(frame.width * _MOST_PADDING)),
        min(margin, int(frame.height * _MOST_PADDING)),
    )

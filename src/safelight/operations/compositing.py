"""Laying one picture on another, and where it goes."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

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


class Overlay(msgspec.Struct, frozen=True):
    """What is laid on a picture: its colours in sRGB, 8 bits each, and how opaque they are.

    Both of one size. Apart, since what computes them would run for each that reads them together.
    """

    ink: Image
    alpha: Image

    @classmethod
    def of(cls, image: Image) -> Overlay:
        """Take RGB with alpha apart."""
        return cls(image.extract_band(0, n=3), image.extract_band(3))

    @classmethod
    def filled(cls, mask: Image, ink: Ink) -> Overlay:
        """Have one colour where a mask is 255, and nothing where it is 0."""
        colour = mask.new_from_image(list(ink[:3])).copy(interpretation="srgb")
        return cls(colour, mask).faded(ink[3] / 255)

    def faded(self, opacity: float) -> Overlay:
        """Be see-through; ``opacity`` from 0 to 1."""
        if opacity == 1:
            return self
        return replace(self, alpha=self.alpha.linear(opacity, 0).rint().cast("uchar"))

    def part(self, left: int, top: int, width: int, height: int) -> Overlay:
        """Cut a box out."""
        return Overlay(
            self.ink.crop(left, top, width, height), self.alpha.crop(left, top, width, height)
        )

    def is_grey(self) -> bool:
        """Tell whether nothing that can be seen has a colour."""
        red, green, blue = self.ink.bandsplit()
        coloured = red.relational(green, "noteq").boolean(green.relational(blue, "noteq"), "or")
        return bool(coloured.boolean(self.alpha, "and").max() == 0)


def laid(frame: Frame, overlay: Overlay, left: int, top: int, *, blend: str = "normal") -> Frame:
    """Lay an overlay on a picture; what reaches beyond the picture is cut off.

    A grey picture becomes a coloured one when the overlay is coloured, an opaque one stays opaque.
    """
    image = frame.image
    x, y = max(0, left), max(0, top)
    across = min(left + overlay.alpha.width, image.width) - x
    down = min(top + overlay.alpha.height, image.height) - y
    if across < 1 or down < 1:
        return frame
    overlay = overlay.part(x - left, y - top, across, down)
    if (across, down) != (image.width, image.height):
        # What is below the overlay is read twice, and a stream cannot be.
        image = frame.in_memory().image
    image, ink = _alike(image, overlay)
    below = image.crop(x, y, across, down)
    if blend != "normal":
        ink = _blended(below, ink, BLENDS[blend])
    return frame.having(image.insert(_over(below, ink, overlay.alpha), x, y))


def _alike(image: Image, overlay: Overlay) -> tuple[Image, Image]:
    """Bring a picture and the colours of an overlay to the same space and bits."""
    deep = image.format == "ushort"
    ink = overlay.ink
    if image.bands < 3 and overlay.is_grey():
        ink = ink.extract_band(0)
    elif image.bands < 3:
        image = image.colourspace("rgb16" if deep else "srgb")
    if image.get_typeof("icc-profile-data"):
        # The only profile that a picture has on its way is that of Display P3.
        ink = ink.icc_transform("p3", input_profile="srgb", depth=16 if deep else 8)
    elif deep:
        ink = widened(ink)
    return image, ink.copy(interpretation=image.interpretation)


def widened(image: Image) -> Image:
    """Turn 8 bits a value into 16: white stays white."""
    deep: Image = image.linear(257, 0).cast("ushort")
    return deep


def _over(below: Image, ink: Image, alpha: Image) -> Image:
    """Composite the normal way."""
    if not below.hasalpha():
        opaque: Image = alpha.ifthenelse(ink, below, blend=True)
        return opaque
    alpha = widened(alpha) if below.format == "ushort" else alpha
    return _rounded(_composited(below, ink.bandjoin(alpha), "over"), below)


def _composited(below: Image, above: Image, mode: str) -> Image:
    """Composite in floating point: in whole numbers libvips rounds down."""
    mixed: Image = below.cast("float").composite2(above.cast("float"), mode)
    return mixed


def _rounded(image: Image, like: Image) -> Image:
    rounded: Image = image.rint().cast(like.format)
    return rounded


def _blended(below: Image, ink: Image, mode: str) -> Image:
    """Mix colours with those below, as far as there are any.

    That is the general formula (W3C Compositing and Blending Level 1, section 5.8) but for its
    last step, which is plain compositing. libvips gives the formula's result only where both
    pictures are opaque.
    """
    bands = ink.bands
    mixed = _composited(below.extract_band(0, n=bands), ink, mode).extract_band(0, n=bands)
    if not below.hasalpha():
        return _rounded(mixed, below)
    peak = 65_535 if below.format == "ushort" else 255
    there = below.extract_band(bands).linear(1 / peak, 0)
    partly: Image = ink.add(mixed.subtract(ink).multiply(there))
    return partly


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

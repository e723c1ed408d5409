"""Text as an overlay: as large as fits, with an outline and a shadow."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable

import msgspec

from safelight.operations.compositing import Overlay
from safelight.operations.frame import Image, Materials, resample
from safelight.params import COMPASS, Ink, Place, half_up

# Text is set at this size first, to see how large it will be.
_TRIAL = 24
_TRIES = 4
# Parts of the size of the text: how wide an outline is, how far a shadow falls, how soft it is.
_RIM, _FALL, _SOFTNESS = 0.07, 0.03, 0.1
# A blur is done at a size where it reaches so many px: at a larger one it costs more.
_SIGMA = 4.0
# From so many directions the outline of a curve is seen as one.
_DIRECTIONS = 16
_SHADE = 160
# Letters are thin: their blur is made denser, or nobody would see it.
_DENSITY = 1.6


class Lettered(msgspec.Struct, frozen=True):
    """A text to lay on a picture, as RGB with alpha.

    ``width`` and ``height`` are in px and do not count the shadow: for it, the image has a
    ``margin`` on all sides.
    """

    image: Image
    width: int
    height: int
    margin: int


def lettered(
    materials: Materials,
    text: str,
    *,
    size: float,
    room: tuple[int, int],
    position: Place,
    ink: Ink,
    outline: Ink | None,
    shadow: Ink | None,
) -> Lettered:
    """Write text in lines ``size`` px high, or smaller where it would not fit into ``room``.

    Lines are aligned to the side that ``position`` names.
    """
    align = _alignment(text, position)
    letters, size = _fitted(
        lambda size: materials.text(text, size=size, ink=ink, align=align),
        size,
        room,
        outlined=outline is not None,
    )
    rim = _rim(size) if outline else 0
    width, height = letters.width + 2 * rim, letters.height + 2 * rim
    margin = math.ceil(size * (_FALL + 3 * _SOFTNESS)) if shadow else 0
    edge = margin + rim
    image = letters.embed(edge, edge, width + 2 * margin, height + 2 * margin).copy_memory()
    if outline:
        image = _above(Overlay.filled(_thickened(image.extract_band(3), rim), outline), image)
    if shadow:
        cast = _blurred(image.extract_band(3), size * _SOFTNESS)
        fall = half_up(size * _FALL)
        fallen = cast.linear(_DENSITY, 0).cast("uchar").embed(fall, fall, cast.width, cast.height)
        image = _above(Overlay.filled(fallen, shadow), image)
    return Lettered(image, width, height, margin)


def _above(ground: Overlay, image: Image) -> Image:
    """Put an image above what is of one size with it."""
    both = ground.ink.bandjoin(ground.alpha).composite2(image, "over")
    whole: Image = both.copy_memory()
    return whole


def contrast(ink: Ink) -> Ink:
    """Choose a shadow that makes letters of a colour stand out: dark, or light for dark ones."""
    red, green, blue, _ = ink
    # Luma after Recommendation ITU-R BT.709.
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue >= 96
    return (0, 0, 0, _SHADE) if light else (255, 255, 255, _SHADE)


def _alignment(text: str, position: Place) -> str:
    word = position if isinstance(position, str) else position[0]
    x, _ = COMPASS.get(str(word), (0.5, 0.5))
    if x == 0.5:
        return "centre"
    # Where text runs from right to left, Pango's "low" is the right side.
    return "low" if (x == 0) != _leftwards(text) else "high"


def _leftwards(text: str) -> bool:
    """Tell whether a text runs from right to left, as its first letter with a direction does."""
    directions = (unicodedata.bidirectional(letter) for letter in text)
    return next((found for found in directions if found in ("L", "R", "AL")), "L") != "L"


def _fitted(
    written: Callable[[float], Image], size: float, room: tuple[int, int], *, outlined: bool
) -> tuple[Image, float]:
    """Write as large as asked, or as fits with the outline."""

    def excess(image: Image, size: float) -> float:
        around = 2 * _rim(size) if outlined else 0
        return max((image.width + around) / room[0], (image.height + around) / room[1])

    # Not at its full size at once: that could be larger than memory.
    size = min(size, _TRIAL / excess(written(_TRIAL), _TRIAL))
    for _ in range(_TRIES):
        image = written(size)
        too_large = excess(image, size)
        if too_large <= 1:
            return image, size
        size /= too_large
    return _squeezed(image, room), size


def _rim(size: float) -> int:
    return max(1, half_up(size * _RIM))


def _squeezed(image: Image, room: tuple[int, int]) -> Image:
    """Scale to fit; letters cannot be set as small as a pixel."""
    factor = min(1.0, room[0] / image.width, room[1] / image.height)
    return resample(image, max(1, int(image.width * factor)), max(1, int(image.height * factor)))


def _thickened(mask: Image, radius: int) -> Image:
    """Grow a mask by ``radius`` px in all directions; its edges stay smooth."""
    grown = mask
    for number in range(_DIRECTIONS):
        angle = 2 * math.pi * number / _DIRECTIONS
        x, y = half_up(radius * math.cos(angle)), half_up(radius * math.sin(angle))
        grown = grown.maxpair(mask.embed(x, y, mask.width, mask.height))
    whole: Image = grown.copy_memory()
    return whole


def _blurred(mask: Image, sigma: float) -> Image:
    shrunk = max(1.0, sigma / _SIGMA)
    small = resample(mask, math.ceil(mask.width / shrunk), math.ceil(mask.height / shrunk))
    # In memory: enlarging asks for each part many times.
    soft = small.gaussblur(sigma / shrunk).copy_memory()
    return resample(soft, mask.width, mask.height)

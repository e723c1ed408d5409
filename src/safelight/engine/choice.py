"""Which format a picture deserves, where that is left open."""

from __future__ import annotations

from typing import TypeAlias

import pyvips

from safelight import costs, formats
from safelight.costs import Profile
from safelight.engine.savers import drawn, fits
from safelight.formats import Format
from safelight.operations.encoding import AUTO, AUTO_AVIF, AUTO_WEBP, Encoding

# A format, and whether it shall lose nothing.
Choice: TypeAlias = tuple[Format, bool]

_OPEN = (AUTO, AUTO_WEBP, AUTO_AVIF)


def may_move(format: str | None) -> bool:
    """Tell whether a picture that is asked for in a format may be an animation."""
    return format is None or format in _OPEN or formats.BY_NAME[format].animation


def choices(
    image: pyvips.Image, encoding: Encoding, source: Format, profile: Profile, *, frames: int
) -> list[Choice]:
    """List what is worth trying; what then has the fewest bytes is the answer.

    ``image`` has alpha only if something shows through. ``encoding.format`` may leave the choice
    open to what a viewer can show: whoever shows AVIF shows WebP, too, and everybody GIF.
    """
    wish = encoding.format
    if wish is None:
        if source.web or (source.saver and not profile.for_browsers):
            return [(source, encoding.lossless)]
        return [(formats.BY_NAME["png" if image.hasalpha() else "jpeg"], encoding.lossless)]
    if wish not in _OPEN:
        return [(formats.BY_NAME[wish], encoding.lossless)]
    if frames > 1:
        # This libvips writes no AVIF that moves.
        return [(formats.BY_NAME["gif" if wish == AUTO else "webp"], encoding.lossless)]
    exact = formats.BY_NAME["webp" if wish != AUTO and fits(image, "webp") else "png"], True
    lossy = None if encoding.lossless else _lossy(image, wish, profile)
    if lossy is None:
        return [exact]
    return [(lossy, False), exact] if _worth_drawing(image, encoding, profile) else [(lossy, False)]


def _lossy(image: pyvips.Image, wish: str, profile: Profile) -> Format | None:
    pixels = image.width * image.height
    quick = costs.milliseconds("avif", 0, pixels) <= profile.patience
    if wish == AUTO_AVIF and quick and fits(image, "avif"):
        return formats.BY_NAME["avif"]
    if wish != AUTO and fits(image, "webp"):
        return formats.BY_NAME["webp"]
    return None if image.hasalpha() else formats.BY_NAME["jpeg"]


def _worth_drawing(image: pyvips.Image, encoding: Encoding, profile: Profile) -> bool:
    """Tell whether it may be smaller to lose nothing: drawings are, where that is not too dear."""
    quick = costs.milliseconds("webp lossless", 0, image.width * image.height) <= profile.patience
    return quick and image.format == "uchar" and (encoding.palette or drawn(image))

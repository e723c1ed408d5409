"""A picture behind a picture."""

from __future__ import annotations

from safelight.operations.frame import Image, resample
from safelight.params import half_up

# A backdrop is blurred when its longer side is this many px long, and enlarged then: in so little
# light nobody misses what a larger one would have shown.
_SIDE, _SIGMA = 96, 4.0


def blurred(image: Image, width: int, height: int) -> Image:
    """Enlarge a picture to cover ``width`` x ``height`` px, and blur it."""
    tiny = min(1.0, _SIDE / max(width, height))
    across, down = max(1, half_up(width * tiny)), max(1, half_up(height * tiny))
    scale = max(across / image.width, down / image.height)
    sides = (max(across, half_up(image.width * scale)), max(down, half_up(image.height * scale)))
    small = resample(image, *sides)
    small = small.crop((sides[0] - across) // 2, (sides[1] - down) // 2, across, down)
    alpha, band_format = image.hasalpha(), image.format
    light = (small.premultiply() if alpha else small).gaussblur(_SIGMA)
    # What is so soft has no bend that straight lines could not follow.
    large = light.resize(width / across, vscale=height / down, kernel="linear")
    values = (large.unpremultiply() if alpha else large).rint().cast(band_format)
    backdrop: Image = values.copy(interpretation=image.interpretation)
    return backdrop


def over(above: Image, below: Image) -> Image:
    """Lay a picture with transparency on one of the same size, bands and depth, opaque or not."""
    band_format = above.format
    if below.hasalpha():
        # In whole numbers libvips rounds down.
        mixed = below.cast("float").composite2(above.cast("float"), "over")
        composited: Image = mixed.rint().cast(band_format)
        return composited
    last = above.bands - 1
    alpha = above.extract_band(last).cast("uchar", shift=band_format == "ushort")
    blended: Image = alpha.ifthenelse(above.extract_band(0, n=last), below, blend=True)
    return blended

"""Colours: from whatever a source has to sRGB, Display P3 or grey."""

from __future__ import annotations

from typing import cast

import pyvips

from safelight import icc
from safelight.operations.frame import Image

_PROFILE = "icc-profile-data"
# Spaces whose values are known to be finer than 8 bits, whatever type they have.
_FINE = ("scrgb", "lab", "labs", "xyz")


def embedded(image: pyvips.Image) -> bytes | None:
    """Give the colour profile that came with a picture."""
    return cast("bytes", image.get(_PROFILE)) if image.get_typeof(_PROFILE) else None


def converted(
    image: pyvips.Image, *, profile: str = "srgb", depth: int = 8, declared: str | None = None
) -> Image:
    """Bring a picture to sRGB, or to Display P3 where the source goes beyond sRGB; grey stays grey.

    ``profile``: "srgb" or "p3". ``depth``: above 8 the values have 16 bits, if the source's have
    more than 8. ``declared``: the space that the file names where it has no profile. The result
    carries a profile exactly when its values are not sRGB or grey.
    """
    if declared == "p3" and image.bands > 2 and embedded(image) is None:
        image = _labelled(image, wide=True)
    deep = depth > 8 and (image.format == "ushort" or image.interpretation in _FINE)
    grey = image.interpretation in ("b-w", "grey16") or image.bands < 3
    plain, rich = ("b-w", "grey16") if grey else ("srgb", "rgb16")
    if image.interpretation == "multiband":
        image = image.copy(interpretation=rich if image.format == "ushort" else plain)
    image, wide = _by_profile(image, grey=grey, profile=profile, depth=16 if deep else 8)
    space, values = (rich, "ushort") if deep else (plain, "uchar")
    if image.interpretation != space:
        image = image.colourspace(space)
    if image.format != values:
        image = image.cast(values, shift=image.format == "ushort")
    most = 2 if grey else 4
    if image.bands > most:
        # One band more is alpha, others mean nothing to a viewer.
        image = image.extract_band(0, n=most)
    return cast("Image", _labelled(image, wide=wide))


def _by_profile(
    image: pyvips.Image, *, grey: bool, profile: str, depth: int
) -> tuple[pyvips.Image, bool]:
    """Follow the profile; tell, too, whether the result is Display P3."""
    data = embedded(image)
    space = None if data is None else icc.space(data)
    cmyk = image.interpretation == "cmyk"
    if (data is None and not cmyk) or space == "srgb":
        return image, False
    if space == profile == "p3" and image.interpretation in ("srgb", "rgb16"):
        return image, True
    try:
        if grey:
            return image.icc_import(embedded=True), False
        # Inks without a profile are those of libvips's own. Black shall be black, though no ink is
        # quite that dark.
        transformed = image.icc_transform(
            profile, embedded=True, depth=depth, black_point_compensation=True
        )
    except pyvips.Error:
        # A profile that does not fit the image or is broken says nothing about its colours:
        # they are shown as viewers show them, as if there were none.
        return image, False
    return transformed, profile == "p3"


def _labelled(image: pyvips.Image, *, wide: bool) -> pyvips.Image:
    image = image.copy()
    if wide:
        # libvips's own: 480 bytes, compact, CC0.
        image.set_type(
            pyvips.GValue.blob_type, _PROFILE, pyvips.Operation.call("profile_load", "p3")
        )
    elif image.get_typeof(_PROFILE):
        image.remove(_PROFILE)
    return image

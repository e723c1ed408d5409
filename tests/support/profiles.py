"""Colours converted by Pillow's own LittleCMS."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def by_profile(
    picture: Image.Image, profile: bytes, *, to: bytes = SRGB, mode: str = "RGB"
) -> Image.Image:
    """Convert a picture from one profile to another, relative to white, with black kept black."""
    made = ImageCms.profileToProfile(
        picture,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.ImageCmsProfile(io.BytesIO(to)),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        outputMode=mode,
    )
    assert made is not None
    return made

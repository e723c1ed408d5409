"""How a source is opened."""

from __future__ import annotations

import msgspec


class Reading(msgspec.Struct, frozen=True):
    """What the decoder shall give.

    ``page`` counts from 1; ``frames`` is how many of an animation at most, None for all.
    ``orient``: turn the picture as its EXIF says. ``profile`` is the colour space of the pixels,
    ``depth`` how many bits of each value are wanted where the source has them, ``hdr`` whether a
    gain map is kept, ``metadata`` what of the source's is kept.
    """

    page: int = 1
    frames: int | None = None
    orient: bool = True
    profile: str = "srgb"
    depth: int = 8
    hdr: bool = False
    metadata: str = "none"

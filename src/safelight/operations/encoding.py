"""What the output shall be."""

from __future__ import annotations

import msgspec

# Words of negotiation: the engine chooses the format, among those that such a viewer can show.
AUTO, AUTO_WEBP, AUTO_AVIF = "auto", "auto-webp", "auto-avif"


class Encoding(msgspec.Struct, frozen=True):
    """What the output shall be; None leaves the choice to the engine.

    ``quality`` is 1 to 100 or "auto", ``effort`` 0 to 9, ``subsampling`` "auto", "420" or "444",
    ``colors`` how many at most, ``max_bytes`` a promise. ``palette`` is the source's: its few
    colours may be worth keeping few. ``bits`` of each value are wanted where the format can have
    more than 8.
    """

    format: str | None = None
    quality: int | str | None = None
    effort: int | None = None
    lossless: bool = False
    progressive: bool | None = None
    subsampling: str = "auto"
    colors: int | None = None
    max_bytes: int | None = None
    palette: bool = False
    bits: int = 8

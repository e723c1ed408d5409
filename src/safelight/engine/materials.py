"""What operations draw with: other pictures, drawings, text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pyvips

from safelight import formats
from safelight.operations.frame import Image


class Studio:
    """Make materials for one rendering; each is made once."""

    def __init__(self, pictures: Mapping[str, Image]) -> None:
        """``pictures``: the other pictures of the transform, by key."""
        self._pictures = pictures
        self._drawn: dict[tuple[str, int, int], Image] = {}

    def picture(self, key: str) -> Image:
        """Give another picture of the source store, as RGB with alpha."""
        return self._pictures[key]

    def drawing(self, svg: str, width: int, height: int) -> Image:
        """Draw an SVG of ``width`` x ``height`` px, as RGB with alpha."""
        drawn = (svg, width, height)
        if drawn not in self._drawn:
            image = _drawing(svg.encode())
            self._drawn[drawn] = cast("Image", image.crop(0, 0, width, height).copy_memory())
        return self._drawn[drawn]

    def text(self, text: str, *, size: float, align: str = "low", width: int = 0) -> Image:
        """Set text in lines ``size`` px high, as one band: 255 where there is ink."""
        options: dict[str, Any] = {"width": width} if width else {}
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        image = pyvips.Image.text(
            escaped, font=f"sans {size * 0.75:.2f}", dpi=96, align=align, **options
        )
        return cast("Image", image)


def _drawing(svg: bytes) -> pyvips.Image:
    loader = formats.BY_NAME["svg"].loader
    return cast("pyvips.Image", pyvips.Operation.call(f"{loader}_buffer", svg))

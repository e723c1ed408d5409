"""What operations draw with: other pictures, drawings, text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import cast

import msgspec
import pyvips

from safelight import formats
from safelight.engine.source import decode, fault, probe
from safelight.errors import concerning
from safelight.limits import Limits
from safelight.operations.frame import Image
from safelight.operations.reading import Reading
from safelight.params import Ink
from safelight.picture import Header
from safelight.plan import plan
from safelight.transform import Transform

_FONT = "DejaVu Sans Condensed"
_FONT_FILE = "DejaVuSansCondensed.ttf"


class Studio(msgspec.Struct, frozen=True):
    """Make materials for one rendering.

    ``sources``: the other pictures of the transform, whole files by key; ``limits`` are theirs.
    """

    sources: Mapping[str, bytes]
    limits: Limits = msgspec.field(default_factory=Limits)

    def size(self, key: str) -> tuple[int, int]:
        """Tell the size in px of another picture, as it is shown."""
        return self._header(key).shown

    def picture(self, key: str, width: int, height: int) -> Image:
        """Open another picture at a size in px, as RGB with alpha; decode no more than needed."""
        header = self._header(key)
        wanted = Transform.of(w=width, h=height, fit="fill", enlarge=True)
        planned = plan(*header.shown, wanted)
        with concerning(key):
            try:
                frames = decode(
                    self.sources[key], header, Reading(), planned, frames=1, materials=self
                )
                image = next(iter(frames)).scaled(width, height).in_memory().image
            except pyvips.Error as error:
                raise fault(header.format, error) from error
        coloured = image.colourspace("srgb") if image.bands < 3 else image
        return cast("Image", coloured if coloured.hasalpha() else coloured.addalpha())

    def _header(self, key: str) -> Header:
        with concerning(key):
            header = probe(self.sources[key])
            self.limits.check_header(header)
        return header

    def drawing(self, svg: str, width: int, height: int) -> Image:
        """Draw an SVG of ``width`` x ``height`` px, as RGB with alpha."""
        loader = formats.BY_NAME["svg"].loader
        image = pyvips.Operation.call(f"{loader}_buffer", svg.encode())
        return cast("Image", image.crop(0, 0, width, height))

    def coordinates(self, width: int, height: int) -> Image:
        """Make an image of two bands: the column and the row of each pixel, from 0."""
        return cast("Image", pyvips.Image.xyz(width, height))

    def interpolator(self) -> pyvips.Interpolate:
        """Give libvips's bicubic way of reading between px."""
        return pyvips.Interpolate.new("bicubic")

    def text(self, text: str, *, size: float, ink: Ink, align: str = "low") -> Image:
        """Set text in lines ``size`` px high, as RGB with alpha, cut to its ink."""
        # Pango reads markup, and text may look like some.
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        try:
            image = pyvips.Image.text(
                f'<span foreground="#{bytes(ink[:3]).hex()}">{escaped}</span>',
                font=f"{_FONT} {size:.2f}",
                fontfile=_font_file(),
                # A point is a pixel then.
                dpi=72,
                align=align,
                rgba=True,
            )
        except pyvips.Error:
            # Letters without ink, such as a space without width.
            return cast("Image", pyvips.Image.black(1, 1, bands=4).copy(interpretation="srgb"))
        return cast("Image", image.linear([1, 1, 1, ink[3] / 255], 0).rint().cast("uchar"))


@cache
def _font_file() -> str:
    from importlib.resources import files

    return str(files("safelight") / "fonts" / _FONT_FILE)

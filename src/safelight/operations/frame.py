"""The picture on its way through the operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, TypeVar, cast

import msgspec
from msgspec.structs import replace

from safelight.operations.encoding import Encoding
from safelight.operations.fitting import reduced_span, span
from safelight.operations.reading import Reading
from safelight.params import Ink, Part, Place, half_up

WHITE: Ink = (255, 255, 255, 255)

# On the left, the top, the right and the bottom of an image, in its px.
Margins: TypeAlias = tuple[float, float, float, float]
FLUSH: Margins = (0.0, 0.0, 0.0, 0.0)

_Decision = TypeVar("_Decision")


class Image(Protocol):
    """A libvips image, known here only by its shape: the engine makes them."""

    @property
    def width(self) -> int:
        """Columns."""

    @property
    def height(self) -> int:
        """Rows."""

    @property
    def bands(self) -> int:
        """Values per pixel, alpha included."""

    def __getattr__(self, name: str) -> Any:
        """Every libvips operation is a method."""


class Materials(Protocol):
    """What an operation may draw with; the engine has it."""

    def size(self, key: str) -> tuple[int, int]:
        """Tell the size in px of another picture of the source store, as it is shown."""

    def picture(self, key: str, width: int, height: int) -> Image:
        """Open another picture of the source store at a size in px, as RGB with alpha.

        Raises SourceError, which names it.
        """

    def drawing(self, svg: str, width: int, height: int) -> Image:
        """Draw an SVG of ``width`` x ``height`` px, as RGB with alpha."""

    def coordinates(self, width: int, height: int) -> Image:
        """Make an image of two bands: the column and the row of each pixel, from 0."""

    def text(self, text: str, *, size: float, ink: Ink, align: str = "low") -> Image:
        """Set text in lines ``size`` px high, as RGB with alpha, cut to its ink.

        ``align``: "low", "centre" or "high", in the direction in which the text is written.
        """

    def interpolator(self) -> Any:
        """Give libvips's bicubic way of reading between px."""


class Frame(msgspec.Struct, frozen=True):
    """A picture, or one frame of an animation, with its nominal size.

    ``width`` and ``height`` are the size that operations reckon with. The image may hold fewer
    pixels than that, when the loader has already shrunk it; ``resize`` brings the two together.
    The picture then need not end where its pixels do: ``overhang`` is what of them sticks out, or
    below 0 what is missing. ``wanted`` is the size that it will have once it is turned and resized,
    if nothing else comes before.
    ``background`` is what transparency and padding show, None when nobody has said, "blur" for the
    picture itself. ``gravity`` is what stays when something must go, and where things are put.
    ``dpr`` multiplies the lengths that are asked for in px.
    """

    image: Image
    width: int
    height: int
    materials: Materials
    background: Ink | str | None = None
    gravity: Place = "center"
    dpr: float = 1.0
    encoding: Encoding = msgspec.field(default_factory=Encoding)
    reading: Reading = msgspec.field(default_factory=Reading)
    overhang: Margins = FLUSH
    wanted: tuple[int, int] | None = None
    # What was decided on the first frame of an animation, for all of them.
    decisions: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def colour(self) -> Ink | None:
        """The background, if it is a colour."""
        return None if isinstance(self.background, str) else self.background

    @property
    def peak(self) -> float:
        """The value of white: 255, or 65,535 for 16 bits."""
        return 65_535.0 if self.image.format == "ushort" else 255.0

    def px(self, length: float) -> int:
        """Scale a length in px by ``dpr``."""
        return half_up(length * self.dpr)

    def length(self, length: Part, side: int) -> int:
        """Turn a length into px: a float is a part of ``side``, pixels are scaled by ``dpr``."""
        return half_up(length * side) if isinstance(length, float) else self.px(length)

    def having(self, image: Image) -> Frame:
        """Replace the image and take its size as the nominal one."""
        return replace(self, image=image, width=image.width, height=image.height, overhang=FLUSH)

    @property
    def density(self) -> tuple[float, float]:
        """How many px the image holds for each of the nominal ones, across and down."""
        left, top, right, bottom = self.overhang
        return (
            (self.image.width - left - right) / self.width,
            (self.image.height - top - bottom) / self.height,
        )

    def scaled(self, width: int, height: int) -> Frame:
        """Resample to exactly ``width`` x ``height`` px, with alpha weighted."""
        return self.having(resample(self.image, width, height, self.overhang))

    def cut(self, left: int, top: int, width: int, height: int) -> Frame:
        """Cut out a box of nominal px that lies inside."""
        across, down = self.density
        before, above, _, _ = self.overhang
        x, columns, before, after = span(before + left * across, width * across, self.image.width)
        y, rows, above, below = span(above + top * down, height * down, self.image.height)
        return replace(
            self,
            image=self.image.crop(x, y, columns, rows),
            width=width,
            height=height,
            overhang=(before, above, after, below),
        )

    def turned(self, quarters: int) -> Frame:
        """Turn clockwise by so many quarters."""
        if not quarters:
            return self
        width, height = (self.height, self.width) if quarters % 2 else (self.width, self.height)
        image = self.in_memory().image.rot(f"d{90 * quarters}")
        overhang = cast("Margins", self.overhang[-quarters:] + self.overhang[:-quarters])
        return replace(self, image=image, width=width, height=height, overhang=overhang)

    def mirrored(self) -> Frame:
        """Exchange left and right."""
        left, top, right, bottom = self.overhang
        return replace(self, image=self.image.fliphor(), overhang=(right, top, left, bottom))

    def in_memory(self) -> Frame:
        """Render what is pending, so that pixels can be read in any order."""
        return replace(self, image=self.image.copy_memory())

    def once(self, name: str, decide: Callable[[], _Decision]) -> _Decision:
        """Decide on the first frame of an animation; the others follow, so that nothing jumps."""
        if name not in self.decisions:
            self.decisions[name] = decide()
        return cast("_Decision", self.decisions[name])


def resample(image: Image, width: int, height: int, overhang: Margins = FLUSH) -> Image:
    """Scale what lies inside of the overhang to exactly ``width`` x ``height`` px by Lanczos.

    Transparent pixels do not bleed into opaque ones: colours are weighted by alpha.
    """
    if (image.width, image.height) == (width, height) and overhang == FLUSH:
        return image
    left, top, right, bottom = overhang
    across, down = image.width - left - right, image.height - top - bottom
    alpha, band_format = image.hasalpha(), image.format
    x = y = 0
    if overhang != FLUSH:
        first, columns, x = reduced_span(left, across, width)
        above, rows, y = reduced_span(top, down, height)
        image = image.embed(-first, -above, columns, rows, extend="copy")
    pixels = image.premultiply() if alpha else image
    pixels = pixels.resize(width / across, vscale=height / down, kernel="lanczos3")
    scaled: Image = pixels.unpremultiply().rint().cast(band_format) if alpha else pixels
    return scaled if overhang == FLUSH else scaled.crop(x, y, width, height)

"""The picture on its way through the operations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

WHITE = (255, 255, 255, 255)


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


@dataclass(frozen=True, slots=True)
class Encoding:
    """What the output shall be; None leaves the choice to the engine.

    ``palette`` is the source's: its few colours may be worth keeping few.
    """

    format: str | None = None
    quality: int | None = None
    effort: int | None = None
    lossless: bool = False
    palette: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """An image with its nominal size.

    ``width`` and ``height`` are the size that operations reckon with. The image may hold fewer
    pixels than that, when the loader has already shrunk it; ``resize`` brings the two together.
    ``background`` is what transparency and padding show, None when nobody has said.
    """

    image: Image
    width: int
    height: int
    background: tuple[int, int, int, int] | None = None
    encoding: Encoding = field(default_factory=Encoding)

    def having(self, image: Image) -> Frame:
        """Replace the image and take its size as the nominal one."""
        return replace(self, image=image, width=image.width, height=image.height)

    def scaled(self, width: int, height: int) -> Frame:
        """Resample to exactly ``width`` x ``height`` px, with alpha weighted."""
        return self.having(resample(self.image, width, height))

    def in_memory(self) -> Frame:
        """Render what is pending, so that pixels can be read in any order."""
        return replace(self, image=self.image.copy_memory())


def resample(image: Image, width: int, height: int) -> Image:
    """Scale to exactly ``width`` x ``height`` px by Lanczos.

    Transparent pixels do not bleed into opaque ones: colours are weighted by alpha.
    """
    if (image.width, image.height) == (width, height):
        return image
    alpha = image.hasalpha()
    band_format = image.format
    pixels = image.premultiply() if alpha else image
    pixels = pixels.resize(width / image.width, vscale=height / image.height, kernel="lanczos3")
    scaled: Image = pixels.unpremultiply().cast(band_format) if alpha else pixels
    return scaled

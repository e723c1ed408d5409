"""ICO: Windows's icons. The largest picture counts; it is a PNG, or a bitmap with a mask."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator

import msgspec
import pyvips
from msgspec.structs import replace

from safelight.engine.decoders.dib import RLE4, RLE8, Dib, parse
from safelight.engine.decoders.rows import pixels, transparency
from safelight.errors import SourceDamaged, SourceError, UnsupportedFormat
from safelight.picture import Header

# An icon has a dozen pictures. Each costs a look at its header.
_MOST_PICTURES = 100
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_COLOURS = 32


class _Picture(msgspec.Struct, frozen=True):
    """One picture of an icon: where it begins, and its bitmap's header unless it is a PNG.

    The size in px is that of the picture itself. Its entry in the icon may say anything.
    """

    at: int
    width: int
    height: int
    dib: Dib | None

    @property
    def worth(self) -> tuple[int, int]:
        """What the largest has most of: pixels, then bits for each of them."""
        return self.width * self.height, self.dib.bits if self.dib else _PNG_COLOURS


def unwrap(data: bytes) -> bytes | None:
    """Take out the largest picture if it is a PNG. Raises SourceDamaged, UnsupportedFormat."""
    picture = _largest(data)
    return None if picture.dib else data[picture.at :]


def probe(data: bytes, *, page: int) -> Header:  # noqa: ARG001 - its pictures are one, in several sizes
    """Read the header of the largest picture. Raises SourceDamaged, UnsupportedFormat."""
    picture = _largest(data)
    return Header(
        format="ico", width=picture.width, height=picture.height, bands=4, depth=1, pages=1,
        orientation=1, alpha=True, palette=bool(picture.dib and picture.dib.palette), space="srgb",
        profile=None, buffered=False, coefficients=4, scans=1,
    )  # fmt: skip


def load(data: bytes, header: Header, *, page: int, size: tuple[int, int]) -> pyvips.Image:  # noqa: ARG001 - it has its own
    """Decode the largest picture, a bitmap. Raises SourceDamaged when pixels are missing."""
    dib = _largest(data).dib
    if dib is None:
        raise SourceDamaged("the icon's largest picture is not the one that was announced")
    image = pixels(data, dib)
    if dib.bits == 32:
        coloured = replace(dib, masks=(*dib.masks[:3], 0xFF000000))
        with_alpha = pixels(data, coloured)
        # Old programs leave all alpha 0 and mean the mask.
        if with_alpha[3].max() > 0:
            return with_alpha
    colours = image.colourspace("srgb") if image.bands == 1 else image[:3]
    return colours.bandjoin(transparency(data, dib))


def _largest(data: bytes) -> _Picture:
    pictures = list(_pictures(data))
    if not pictures:
        raise SourceDamaged("the icon has no picture that can be read")
    return max(pictures, key=lambda picture: picture.worth)


def _pictures(data: bytes) -> Iterator[_Picture]:
    """List the pictures that have a sound header.

    The layout is that of ICONDIR and ICONDIRENTRY in Microsoft's documentation of icons.
    """
    count = int.from_bytes(data[4:6], "little")
    for entry in range(6, 6 + 16 * min(count, _MOST_PICTURES), 16):
        at = int.from_bytes(data[entry + 12 : entry + 16], "little")
        with contextlib.suppress(SourceError):
            yield _png(data, at) if data.startswith(_PNG, at) else _bitmap(data, at)


def _png(data: bytes, at: int) -> _Picture:
    kind, width, height = struct.unpack(">4sII", data[at + 12 : at + 24].ljust(12, b"\0"))
    if kind != b"IHDR" or not width or not height:
        raise SourceDamaged("the PNG has no header")
    return _Picture(at, width, height, None)


def _bitmap(data: bytes, at: int) -> _Picture:
    """Read a bitmap's header: its height counts the picture and the mask."""
    dib = parse(data, at)
    if dib.compression in (RLE4, RLE8) or dib.top_down:
        raise UnsupportedFormat("the icon's bitmap is stored as no icon is")
    if dib.height < 2:
        raise SourceDamaged("the icon's bitmap has no mask")
    return _Picture(at, dib.width, dib.height // 2, replace(dib, height=dib.height // 2))

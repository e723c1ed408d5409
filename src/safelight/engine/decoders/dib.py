"""Headers of device-independent bitmaps: of a BMP, and of the older pictures in an ICO.

The layouts are those of Microsoft's documentation of BITMAPINFOHEADER, BITMAPV4HEADER and
BITMAPV5HEADER, and of OS/2's BITMAPINFOHEADER2.
"""

from __future__ import annotations

import struct

import msgspec

from safelight.errors import SourceDamaged, UnsupportedFormat

_CORE, _INFO, _V3, _V5 = 12, 40, 56, 124
_OS2 = (16, 64)
_SIZES = (_CORE, *_OS2, _INFO, 52, _V3, 108, _V5)
_RGB, RLE8, RLE4, _FIELDS, _JPEG, _PNG, _ALPHA_FIELDS = range(7)
# The bits per pixel that each kind of compression goes with.
_BITS = {
    _RGB: (1, 2, 4, 8, 16, 24, 32),
    RLE8: (8,),
    RLE4: (4,),
    _FIELDS: (16, 24, 32),
    _ALPHA_FIELDS: (16, 32),
}
# Where red, green, blue and alpha are in a pixel, unless the file says so itself.
_MASKS = {
    16: (0x7C00, 0x03E0, 0x001F, 0),
    24: (0xFF0000, 0x00FF00, 0x0000FF, 0),
    32: (0xFF0000, 0x00FF00, 0x0000FF, 0),
}
# "MBED": the profile is in the file. All else is a path, or a calibration that nobody obeys.
_EMBEDDED_PROFILE = 0x4D424544


class Dib(msgspec.Struct, frozen=True):
    """What a bitmap's header says.

    ``width`` and ``height`` are in px. Pixels of 16 bits and more have ``masks``: of red, green,
    blue, and alpha or 0. Those of fewer have a ``palette`` of 256 colours, each of 3 bytes, or of 1
    when all are grey. ``start`` is where the pixels begin; ``profile`` is where an ICC profile
    begins, and its length, in bytes.
    """

    width: int
    height: int
    top_down: bool
    bits: int
    compression: int
    masks: tuple[int, ...]
    palette: tuple[bytes, ...]
    start: int
    profile: tuple[int, int]

    @property
    def alpha(self) -> bool:
        """Whether the pixels have an alpha value."""
        return bool(self.masks) and self.masks[3] != 0

    @property
    def bands(self) -> int:
        """Values per pixel, alpha included."""
        return len(self.palette[0]) if self.palette else 3 + self.alpha

    @property
    def stride(self) -> int:
        """Bytes of a stored row, padded to a multiple of four."""
        return (self.width * self.bits + 31) // 32 * 4


def parse(data: bytes, at: int, *, start: int = 0) -> Dib:
    """Read the header that begins at ``at``.

    ``start``: where the pixels are said to begin; if that is within the header, they follow the
    palette. Raises SourceDamaged, or UnsupportedFormat for what hardly any bitmap is.
    """
    size = int.from_bytes(data[at : at + 4], "little")
    if size not in _SIZES or at + size > len(data):
        raise SourceDamaged("the bitmap's header is broken")
    header = data[at : at + size].ljust(_V5, b"\0")
    compression = used = 0
    if size == _CORE:
        width, height, _, bits = struct.unpack_from("<HHHH", header, 4)
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", header, 4)
        (used,) = struct.unpack_from("<I", header, 32)
    _check_kind(bits, compression, os2=size in _OS2)
    if width <= 0 or height == 0:
        raise SourceDamaged(f"the bitmap's header says {width} x {height} px")
    masks: tuple[int, ...] = _MASKS.get(bits, ())
    end = at + size
    if compression in (_FIELDS, _ALPHA_FIELDS):
        masks, end = _own_masks(data, at, size, bits, with_alpha=compression == _ALPHA_FIELDS)
    entry = 3 if size == _CORE else 4
    colours = used or (1 << bits if bits <= 8 else 0)
    start = start if start > end else end + entry * colours
    return Dib(
        width, abs(height), height < 0, bits, compression, masks,
        palette=_palette(data[end : min(start, end + entry * 256)], entry) if bits <= 8 else (),
        start=start,
        profile=_profile(header, at) if size == _V5 else (0, 0),
    )  # fmt: skip


def _check_kind(bits: int, compression: int, *, os2: bool) -> None:
    if os2 and compression in (_FIELDS, _JPEG):
        raise UnsupportedFormat("the bitmap is compressed as only OS/2 does: save it as PNG")
    if compression in (_JPEG, _PNG):
        raise UnsupportedFormat("the bitmap is a JPEG or PNG in disguise: save it as that")
    if bits not in _BITS.get(compression, ()):
        raise SourceDamaged(
            f"the bitmap's header is broken: {bits} bits a pixel, compression {compression}"
        )


def _own_masks(
    data: bytes, at: int, size: int, bits: int, *, with_alpha: bool
) -> tuple[tuple[int, ...], int]:
    """Read the masks, which follow an old header and are part of a new one, and where they end."""
    words = data[at + _INFO : at + _INFO + 16].ljust(16, b"\0")
    red, green, blue, alpha = struct.unpack("<IIII", words)
    if not with_alpha and size < _V3:
        alpha = 0
    masks = tuple(mask & (1 << bits) - 1 for mask in (red, green, blue, alpha))
    if not any(masks[:3]):
        raise SourceDamaged("the bitmap's header is broken: its masks are empty")
    if bits == 24 and masks != _MASKS[24]:
        raise UnsupportedFormat("the bitmap has 24 bits a pixel in an unusual order")
    return masks, max(at + size, at + _INFO + (16 if with_alpha else 12))


def _palette(table: bytes, entry: int) -> tuple[bytes, ...]:
    """Turn entries of blue, green and red into 256 colours; those that are missing are black."""
    colours = [table[i : i + 3][::-1] for i in range(0, len(table) - 2, entry)]
    colours += [bytes(3)] * (256 - len(colours))
    if all(red == green == blue for red, green, blue in colours):
        return tuple(colour[:1] for colour in colours)
    return tuple(colours)


def _profile(header: bytes, at: int) -> tuple[int, int]:
    (space,) = struct.unpack_from("<I", header, 56)
    offset, length = struct.unpack_from("<II", header, 112)
    return (at + offset, length) if space == _EMBEDDED_PROFILE else (0, 0)

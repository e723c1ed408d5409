"""Colour spaces that a file declares by number, without a profile."""

from __future__ import annotations

import struct

# Coding-independent code points, ITU-T H.273 §8.1 and §8.2: the primaries of Display P3, the curve
# of sRGB. Of the other pairs sRGB itself is shown as it is; none is known to be common.
_DISPLAY_P3 = (12, 13)
# A header is not longer.
_LOOKED_AT = 65_536


def space(data: bytes, format: str) -> str | None:
    """Tell whether a PNG or an AVIF declares Display P3: "p3", or None for anything else.

    Where: PNG specification, third edition, §11.3.2.6 (cICP); ISO/IEC 14496-12 §12.1.5 (colr).
    """
    codes = None
    if format == "png":
        codes = _png_codes(data)
    elif format == "avif":
        codes = _avif_codes(data[:_LOOKED_AT])
    return "p3" if codes == _DISPLAY_P3 else None


def _png_codes(data: bytes) -> tuple[int, int] | None:
    at = 8
    # It comes before the palette and the pixels.
    while at + 12 <= min(len(data), _LOOKED_AT):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"cICP":
            return data[at + 8], data[at + 9]
        if kind in (b"PLTE", b"IDAT"):
            return None
        at += 12 + size
    return None


def _avif_codes(head: bytes) -> tuple[int, int] | None:
    """Take the first: that of a picture comes before that of its transparency."""
    at = head.find(b"colrnclx")
    if at < 0 or at + 12 > len(head):
        return None
    primaries, transfer = struct.unpack_from(">HH", head, at + 8)
    return primaries, transfer

"""Run-length encoded rows of a bitmap, unpacked with a bound on time and memory."""

from __future__ import annotations

from safelight.errors import SourceDamaged

_ROW_ENDS, _BITMAP_ENDS, _MOVE = range(3)
_NIBBLES = tuple(bytes((byte >> 4, byte & 0x0F)) for byte in range(256))


def unpack_runs(data: bytes, start: int, width: int, height: int, *, nibbles: bool) -> bytearray:
    """Unpack to one byte a pixel, in the stored order of rows; what is skipped stays 0.

    The steps are those of BI_RLE8, or with ``nibbles`` of BI_RLE4, in Microsoft's documentation of
    bitmap compression. What runs past the end of a row is cut off. Raises SourceDamaged when the
    data ends before the bitmap does, or has more steps than a bitmap of this size can need.
    """
    canvas = bytearray(width * height)
    at, x, row = start, 0, 0
    # A useful step paints or skips pixels, or ends a row.
    for _ in range(width * height + height + 1):
        step = data[at : at + 2]
        if row >= height or step == b"\0\1" or (len(step) < 2 and (x, row) == (width, height - 1)):
            return canvas
        count, value = _whole(step, 2)
        at += 2
        if count:
            pixels = _NIBBLES[value] * (count + 1 >> 1) if nibbles else step[1:] * count
        elif value == _ROW_ENDS:
            x, row = 0, row + 1
            continue
        elif value == _MOVE:
            right, up = _whole(data[at : at + 2], 2)
            x, row, at = min(width, x + right), row + up, at + 2
            continue
        else:
            count, stored = value, (value + 1 >> 1) if nibbles else value
            pixels = _whole(data[at : at + stored], stored)
            pixels = b"".join(_NIBBLES[byte] for byte in pixels) if nibbles else pixels
            at += stored + (stored & 1)
        seen = min(count, width - x)
        first = row * width + x
        canvas[first : first + seen] = pixels[:seen]
        x += seen
    raise SourceDamaged("the bitmap's runs do not come to an end: it is damaged")


def _whole(part: bytes, size: int) -> bytes:
    if len(part) < size:
        raise SourceDamaged("the bitmap ends before its pixels: it is cut short")
    return part

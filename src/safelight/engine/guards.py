"""What libvips reads wrongly or too willingly, told from a file's bytes before it is opened."""

from __future__ import annotations

import struct
import zlib

from safelight.errors import SourceTooLarge, UnsupportedFormat

# Text in a PNG's header, inflated, in bytes: each costs four times its size in memory.
_MAX_PNG_TEXT = 4_000_000

_JPEG_FRAMES = {0xC0, 0xC1, 0xC2, 0xC5, 0xC6, 0xC9, 0xCA, 0xCD, 0xCE}
_TIFF_COMPRESSION, _TIFF_PHOTOMETRIC = 259, 262
_TIFF_YCBCR, _TIFF_JPEGS = 6, (6, 7)


def check_png_texts(data: bytes) -> None:
    """Refuse texts that would inflate to much: libpng keeps them all before the first pixel.

    Chunks as in the PNG specification, third edition, §5 and §11.3.3. Raises SourceTooLarge.
    """
    room, position = _MAX_PNG_TEXT, 8
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"IDAT":
            return
        room -= 12
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            room -= _text_size(kind, data[position + 8 : position + 8 + length], room)
        if room < 0:
            raise SourceTooLarge(
                f"the PNG holds over {_MAX_PNG_TEXT / 1e6:g} MB of text: save it without metadata"
            )
        position += 12 + length


def _text_size(kind: bytes, body: bytes, room: int) -> int:
    """Count the bytes of a text chunk, inflated; a little over ``room`` is the most."""
    _, _, rest = body.partition(b"\0")
    if kind == b"iTXt" and rest[:1] == b"\1":
        rest = b"\0" + rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    elif kind != b"zTXt":
        return len(body)
    try:
        return len(zlib.decompressobj().decompress(rest[1:], max(1, room + 1)))
    except zlib.error:
        return len(body)


def jpeg_scales(data: bytes) -> bool:
    """Tell whether libjpeg can decode a JPEG smaller: a lossless one it would cut instead.

    Markers as in ITU-T T.81, table B.1. False when there is no frame to be found.
    """
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return marker in _JPEG_FRAMES
        position += 2 + struct.unpack_from(">H", data, position + 2)[0]
    return False


def check_tiff_colours(data: bytes) -> None:
    """Refuse YCbCr that is not compressed as JPEG: libvips takes it for RGB.

    Directories as in TIFF 6.0, section 2; BigTIFF has wider numbers. Raises UnsupportedFormat.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    try:
        (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
        entry, head, value = (20, 8, 12) if big else (12, 2, 8)
        tags = dict[int, int]()
        for index in range(min(count, 200)):
            at = start + head + index * entry
            (tag,) = struct.unpack_from(order + "H", data, at)
            (tags[tag],) = struct.unpack_from(order + "H", data, at + value)
    except (struct.error, OverflowError):
        # Cut short, or pointing nowhere: the loader has its own opinion.
        return
    if (
        tags.get(_TIFF_PHOTOMETRIC) == _TIFF_YCBCR
        and tags.get(_TIFF_COMPRESSION) not in _TIFF_JPEGS
    ):
        raise UnsupportedFormat("the TIFF holds YCbCr without JPEG compression: save it as RGB")

"""What libvips reads wrongly or too willingly, told from a file's bytes before it is opened."""

from __future__ import annotations

import struct
import zlib

from safelight import tiff
from safelight.errors import SourceTooLarge, UnsupportedFormat

# Text in a PNG's header, inflated, in bytes: each costs four times its size in memory.
_MAX_PNG_TEXT = 4_000_000

# A photograph has some dozens before its frame, a megabyte of XMP some more.
_MOST_SEGMENTS = 5_000
_JPEG_FRAMES = {0xC0, 0xC1, 0xC2, 0xC5, 0xC6, 0xC9, 0xCA, 0xCD, 0xCE}
# Values of a TIFF's tags.
_YCBCR, _JPEGS = (6,), ((6,), (7,))


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

    False when there is no frame to be found.
    """
    frame = jpeg_frame(data)
    return frame is not None and data[frame + 1] in _JPEG_FRAMES


def jpeg_frame(data: bytes, start: int = 0) -> int | None:
    """Find the header of the frame of the JPEG that begins at ``start``: where its marker is.

    Markers as in ITU-T T.81, table B.1. None when there is none before the file ends.
    """
    position = start + 2
    for _ in range(_MOST_SEGMENTS):
        if position + 4 > len(data) or data[position] != 0xFF:
            break
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return position
        position += 2 + struct.unpack_from(">H", data, position + 2)[0]
    return None


def check_tiff_colours(data: bytes) -> None:
    """Refuse YCbCr that is not compressed as JPEG: libvips takes it for RGB.

    Raises UnsupportedFormat.
    """
    first = next(tiff.directories(data), {})
    if first.get(tiff.PHOTOMETRIC) == _YCBCR and first.get(tiff.COMPRESSION) not in _JPEGS:
        raise UnsupportedFormat("the TIFF holds YCbCr without JPEG compression: save it as RGB")

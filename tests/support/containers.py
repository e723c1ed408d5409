"""What else than pixels is in an image file: a small parser for each format that is written.

``leftovers`` names everything that a picture does not need to be shown: EXIF, XMP, ICC profiles,
comments, texts, times. Whatever is not known to be needed counts as left over.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

_JPEG_NEEDED = {0xC0, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD}
_PNG_NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
# One pixel a millimetre: what libvips writes for a picture that has no resolution.
NEUTRAL_RESOLUTION = struct.pack(">IIB", 1000, 1000, 1)
_WEBP_NEEDED = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"}
_ISO_NEEDED = set(
    b"ftyp meta hdlr pitm iloc iinf infe iref iprp ipco ipma mdat ispe pixi av1C auxC auxl colr"
    b" dimg idat".split()
)
_ISO_PARENTS = {b"meta": 4, b"iinf": 6, b"iprp": 0, b"ipco": 0}
# Sizes, bits, compression, photometry, strips and tiles, bands, resolution, planes, predictor,
# extra samples and sample formats.
_TIFF_NEEDED = {254, 256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 282, 283, 284, 296, 317, 320,
                322, 323, 324, 325, 338, 339}  # fmt: skip


def leftovers(data: bytes) -> list[str]:
    """Name what a JPEG, PNG, WebP, AVIF, GIF or TIFF carries beside its picture."""
    for magic, start, walk in _WALKS:
        if data.startswith(magic, start):
            return list(walk(data))
    raise AssertionError(f"no format that is known here: {data[:16]!r}")


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk a JPEG's markers with their contents, scans skipped (ITU-T T.81 annex B)."""
    position = 2
    while data[position : position + 2] != b"\xff\xd9":
        assert data[position] == 0xFF, f"no marker at {position}"
        marker = data[position + 1]
        (length,) = struct.unpack_from(">H", data, position + 2)
        yield marker, data[position + 4 : position + 2 + length]
        position += 2 + length
        if marker == 0xDA:
            while data[position] != 0xFF or data[position + 1] in {0, *range(0xD0, 0xD8)}:
                position += 1
    assert position + 2 == len(data), "bytes after the end of the image"


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk a PNG's chunks with their contents (PNG specification, third edition, §5)."""
    position = 8
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, data[position + 8 : position + 8 + length]
        position += 12 + length


def riff_chunks(data: bytes, position: int = 12) -> Iterator[tuple[bytes, bytes]]:
    """Walk a WebP's chunks with their contents, a frame's after the frame (RFC 9649 §2.3, §2.7)."""
    while position < len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        body = data[position + 8 : position + 8 + length]
        yield kind, body
        if kind == b"ANMF":
            yield from riff_chunks(body, 16)
        position += 8 + length + length % 2


def iso_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk the boxes of an ISO base media file with their contents, parents before children."""
    position = 0
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + length] if length else data[position + 8 :]
        yield kind, body
        if kind in _ISO_PARENTS:
            yield from iso_boxes(body[_ISO_PARENTS[kind] :])
        position += length or len(data)


def gif_blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk a GIF's blocks: 0x2C for a frame, an extension's label with its first sub-block."""
    position = 13 + _gif_colours(data[10])
    while data[position] != 0x3B:
        if data[position] == 0x2C:
            yield 0x2C, data[position + 1 : position + 10]
            position += 11 + _gif_colours(data[position + 9])
        else:
            first = position + 3
            yield data[position + 1], data[first : first + data[position + 2]]
            position += 2
        while data[position]:
            position += 1 + data[position]
        position += 1


def tiff_tags(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Walk the tags of all directories of a TIFF: tag, type, the four bytes of the value."""
    order = "<" if data[:2] == b"II" else ">"
    (position,) = struct.unpack_from(order + "I", data, 4)
    while position:
        (count,) = struct.unpack_from(order + "H", data, position)
        for index in range(count):
            at = position + 2 + 12 * index
            tag, kind = struct.unpack_from(order + "HH", data, at)
            yield tag, kind, data[at + 8 : at + 12]
        (position,) = struct.unpack_from(order + "I", data, position + 2 + 12 * count)


def _gif_colours(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _jpeg(data: bytes) -> Iterator[str]:
    for marker, body in jpeg_segments(data):
        jfif = marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) == 14
        if marker not in _JPEG_NEEDED and not jfif:
            yield f"segment {marker:02X} {body[:12]!r}"


def _png(data: bytes) -> Iterator[str]:
    for kind, body in png_chunks(data):
        if kind not in _PNG_NEEDED and (kind, body) != (b"pHYs", NEUTRAL_RESOLUTION):
            yield f"chunk {kind!r} {body[:12]!r}"


def _webp(data: bytes) -> Iterator[str]:
    return (f"chunk {kind!r}" for kind, _ in riff_chunks(data) if kind not in _WEBP_NEEDED)


def _iso(data: bytes) -> Iterator[str]:
    for kind, body in iso_boxes(data):
        item = body[8:12] if kind == b"infe" else b"av01"
        profile = kind == b"colr" and body[:4] != b"nclx"
        if kind not in _ISO_NEEDED or item != b"av01" or profile:
            yield f"box {kind!r} {body[:12]!r}"


def _gif(data: bytes) -> Iterator[str]:
    for kind, first in gif_blocks(data):
        # How often to show the only frame: 19 bytes that say nothing about the picture.
        if kind not in (0x2C, 0xF9) and first != b"NETSCAPE2.0":
            yield f"extension {kind:02X} {first!r}"


def _tiff(data: bytes) -> Iterator[str]:
    return (f"tag {tag}" for tag, _, _ in tiff_tags(data) if tag not in _TIFF_NEEDED)


_WALKS: tuple[tuple[bytes, int, Callable[[bytes], Iterator[str]]], ...] = (
    (b"\xff\xd8", 0, _jpeg),
    (b"\x89PNG", 0, _png),
    (b"WEBP", 8, _webp),
    (b"ftyp", 4, _iso),
    (b"GIF8", 0, _gif),
    (b"II*\0", 0, _tiff),
    (b"MM\0*", 0, _tiff),
)

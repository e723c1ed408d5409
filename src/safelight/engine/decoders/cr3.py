"""CR3: where Canon's cameras put previews into their RAW, which is an ISO base media file.

Boxes: ISO/IEC 14496-12 §4.2, §8.7.3 (stsz) and §8.7.5 (co64). What Canon puts into which: L. Clévy,
"Describing the Canon Raw v3 file format", and ExifTool's module for Canon.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from safelight import tiff

# Canon's own boxes have numbers for names: what is known of the photograph, and a preview.
_PHOTOGRAPH = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_PREVIEW = bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16")
# A camera writes a dozen into each other at most.
_MOST_BOXES = 24

Span = tuple[int, int]


def previews(data: bytes) -> tuple[list[Span], int]:
    """List where what may be a preview begins, and its size, in bytes; give the orientation, too.

    A track has one sample: a JPEG of full size, or the sensor's own data.
    """
    places, orientation = list[Span](), 1
    for kind, box in _boxes(data, (0, len(data))):
        if kind == _PREVIEW:
            # Two numbers stand before it.
            places += _preview(data, _first(data, (box[0] + 8, box[1]), b"PRVW"))
        elif kind == b"moov":
            for inner, below in _boxes(data, box):
                if inner == b"trak":
                    places += _sample(data, _first(data, below, b"mdia", b"minf", b"stbl"))
                elif inner == _PHOTOGRAPH and (block := _first(data, below, b"CMT1")):
                    orientation = tiff.orientation(data[slice(*block)])
    return places, orientation


def _preview(data: bytes, box: Span | None) -> list[Span]:
    if box is None or box[0] + 16 > box[1]:
        return []
    (size,) = struct.unpack_from(">I", data, box[0] + 12)
    return [(box[0] + 16, size)]


def _sample(data: bytes, table: Span | None) -> list[Span]:
    """Find the only sample of a track by its table."""
    sizes = _first(data, table, b"stsz") if table else None
    chunks = _first(data, table, b"co64") if table else None
    if not sizes or not chunks or sizes[0] + 8 > sizes[1] or chunks[0] + 16 > chunks[1]:
        return []
    (size,) = struct.unpack_from(">4xI", data, sizes[0])
    (start,) = struct.unpack_from(">8xQ", data, chunks[0])
    return [(start, size)]


def _first(data: bytes, span: Span, *path: bytes) -> Span | None:
    """Go down a path of boxes, the first of each kind."""
    for wanted in path:
        inside = next((inner for kind, inner in _boxes(data, span) if kind == wanted), None)
        if inside is None:
            return None
        span = inside
    return span


def _boxes(data: bytes, span: Span) -> Iterator[tuple[bytes, Span]]:
    """Walk the boxes of a span, a few: each has a kind, and a span for what is in it."""
    position, end = span
    for _ in range(_MOST_BOXES):
        if position + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, position)
        content = position + 8
        if size == 1 and content + 8 <= end:
            (size,) = struct.unpack_from(">Q", data, content)
            content += 8
        following = position + size if size else end
        if kind == b"uuid":
            kind, content = data[content : content + 16], content + 16
        if not content <= following <= end:
            return
        yield kind, (content, following)
        position = following

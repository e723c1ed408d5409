"""EXIF that leads in circles, told from a file's bytes before libvips opens it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import islice

from safelight.errors import SourceDamaged
from safelight.jpeg import segments
from safelight.metadata import exif

# libexif reads a directory again for each that refers to it: a thousand take a second, and twice
# as many four. A camera's refer to three.
_MOST_POINTERS = 20
# Places in a file that may be the start of EXIF.
_MOST_BLOCKS = 100
_HEADER = re.compile(rb"II\*\0|MM\0\*")


def check_exif(data: bytes, format: str) -> None:
    """Refuse EXIF whose directories refer to one another again and again. Raises SourceDamaged."""
    for block in islice(_blocks(data, format), _MOST_BLOCKS):
        if exif.pointers(block, most=_MOST_POINTERS) > _MOST_POINTERS:
            raise SourceDamaged(f"the {format}'s EXIF leads in circles: save it without")


def _blocks(data: bytes, format: str) -> Iterator[bytes]:
    """Find what libvips takes for EXIF; of other formats it reads none."""
    if format == "jpeg":
        yield from (body for _, marker, body in segments(data) if marker == 0xE1)
    elif format == "png":
        yield from _png_exif(data)
    elif format == "webp":
        yield from _webp_exif(data)
    elif format == "avif" and b"Exif" in data:
        # Its boxes lead there on many ways: whatever looks like EXIF counts.
        yield from (data[match.start() :] for match in _HEADER.finditer(data))


def _png_exif(data: bytes) -> Iterator[bytes]:
    """Walk the chunks: PNG specification, third edition, §5.3."""
    at = 8
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"eXIf":
            yield data[at + 8 : at + 8 + size]
        at += 12 + size


def _webp_exif(data: bytes) -> Iterator[bytes]:
    """Walk the chunks: RFC 9649 §2.3."""
    at = 12
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            yield data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2

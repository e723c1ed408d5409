"""The segments of a JPEG before its picture: ITU-T T.81, annex B.1, markers as in table B.1."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from safelight.errors import SourceDamaged

# A photograph has some dozens, a megabyte of XMP some more.
_MAX_SEGMENTS = 5_000


def segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Walk a JPEG's segments before its first scan: where they are, marker, contents.

    What is none ends the walk. Raises SourceDamaged when there are far too many.
    """
    at = 2
    for _ in range(_MAX_SEGMENTS):
        if data[at : at + 1] != b"\xff" or at + 4 > len(data):
            return
        marker, size = struct.unpack_from(">xBH", data, at)
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xDA or size < 2:
            return
        yield at, marker, data[at + 4 : at + 2 + size]
        at += 2 + size
    raise SourceDamaged(f"the JPEG has over {_MAX_SEGMENTS:,} segments before its picture")

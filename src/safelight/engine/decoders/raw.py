"""Camera RAW: the preview, a JPEG, that the camera has put into the file beside the sensor's data.

Where it is, is told by ExifTool's tables of tags (EXIF, PanasonicRaw) and its module for Fujifilm.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from safelight import tiff
from safelight.engine.decoders import cr3
from safelight.engine.guards import jpeg_frame
from safelight.errors import UnsupportedFormat

_FUJIFILM = b"FUJIFILMCCD-RAW"
_JPEG, _EXIF = b"\xff\xd8\xff", b"Exif\0\0"
# Baseline, extended and progressive; the sensor's own data may be a lossless JPEG.
_LOSSY = (0xC0, 0xC1, 0xC2)
# Tags of where a preview is and its size, when it is not one of the TIFF's own pictures.
_PREVIEW, _PREVIEW_SIZE, _PANASONIC_PREVIEW = 513, 514, 46

Place = tuple[int, int]


def unwrap(data: bytes) -> bytes:
    """Take out the largest preview, with the orientation of the RAW unless it brings its own EXIF.

    Raises UnsupportedFormat when there is none.
    """
    places, orientation = _places(data)
    largest = max(places, key=lambda place: _pixels(data, *place), default=(0, 0))
    if not _pixels(data, *largest):
        raise UnsupportedFormat(
            "raw is recognised, but this one has no preview that can be read: develop it first"
        )
    start, size = largest
    preview = data[start : start + size]
    if _EXIF in preview[: jpeg_frame(preview)]:
        return preview
    return preview[:2] + _exif(orientation) + preview[2:]


def _places(data: bytes) -> tuple[list[Place], int]:
    """List where previews are said to be, and their sizes; tell the orientation, too."""
    if data.startswith(_FUJIFILM):
        begin, size = struct.unpack(">II", data[84:92].ljust(8, b"\0"))
        return [(begin, size)], 1
    if data[4:8] == b"ftyp":
        return cr3.previews(data)
    directories = list(tiff.directories(data))
    places = [place for directory in directories for place in _in_directory(directory)]
    return places, tiff.orientation(data)


def _in_directory(directory: tiff.Directory) -> Iterator[Place]:
    for where, size in ((tiff.STRIPS, tiff.STRIP_SIZES), (_PREVIEW, _PREVIEW_SIZE)):
        match directory.get(where), directory.get(size):
            case (begin,), (length,):
                yield begin, length
    match directory.get(_PANASONIC_PREVIEW):
        case begin, length:
            yield begin, length


def _pixels(data: bytes, start: int, size: int) -> int:
    """Count the pixels of a JPEG, 0 for what is none or would not be shown."""
    frame = jpeg_frame(data, start) if data.startswith(_JPEG, start) else None
    if frame is None or data[frame + 1] not in _LOSSY:
        return 0
    if frame + 9 > min(start + size, len(data)):
        return 0
    height, width = struct.unpack_from(">HH", data, frame + 5)
    return int(height * width)


def _exif(orientation: int) -> bytes:
    """Write a segment of a JPEG that says how it is turned, and nothing else (DC-008, §4.5.4)."""
    block = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, tiff.ORIENTATION, 3, 1, orientation, 0, 0)
    return struct.pack(">HH", 0xFFE1, 2 + len(_EXIF) + len(block)) + _EXIF + block

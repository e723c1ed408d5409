"""The directories of a TIFF: what they say of its pictures, read without a pixel.

Structure: TIFF 6.0, section 2; directories below others: TIFF Technical Note 1. BigTIFF has wider
numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

COMPRESSION, PHOTOMETRIC, STRIPS, ORIENTATION, STRIP_SIZES = 259, 262, 273, 274, 279
SUBDIRECTORIES = 330

# The plain one, what Panasonic calls its RAW, and BigTIFF.
_CLASSIC, _PANASONIC, _BIG = 42, 85, 43
_ORDERS = {b"II": "<", b"MM": ">"}
# How whole numbers are packed, by the type of a tag: byte, short, long, directory, and BigTIFF's.
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_BLOCK = 7
# A file may have any number of each, and directories may point in a circle.
_MOST_DIRECTORIES, _MOST_TAGS, _MOST_VALUES = 32, 500, 64

Directory = dict[int, tuple[int, ...]]


def directories(data: bytes) -> Iterator[Directory]:
    """Walk a file's directories, those below others included; each maps tags to whole numbers.

    ``data``: a whole file. A block of bytes gives where it begins, and its length. Values of other
    types are empty, as are those that are too many or cut off. What is no TIFF has no directories,
    and one that is cut off is left out.
    """
    order = _ORDERS.get(data[:2])
    if order is None or len(data) < 16:
        return
    (version,) = struct.unpack_from(order + "H", data, 2)
    if version not in (_CLASSIC, _PANASONIC, _BIG):
        return
    big = version == _BIG
    pending, seen = [_offset(data[8:16] if big else data[4:8], order)], set[int]()
    while pending and len(seen) < _MOST_DIRECTORIES:
        start = pending.pop(0)
        if start in seen or not 0 < start < len(data):
            continue
        seen.add(start)
        try:
            directory, following = _directory(data, start, order, big=big)
        except struct.error:
            continue
        yield directory
        pending += (following, *directory.get(SUBDIRECTORIES, ()))


def orientation(data: bytes) -> int:
    """Read how the first picture is turned, 1 to 8; 1 when the file does not say."""
    match next(directories(data), {}).get(ORIENTATION):
        case (value,) if 1 <= value <= 8:
            return value
    return 1


def _directory(data: bytes, start: int, order: str, *, big: bool) -> tuple[Directory, int]:
    """Read one directory, and where the next begins (0: nowhere)."""
    counter = struct.Struct(order + ("Q" if big else "H"))
    entry = struct.Struct(order + ("HHQ8s" if big else "HHI4s"))
    (count,) = counter.unpack_from(data, start)
    at, found = start + counter.size, Directory()
    for index in range(min(count, _MOST_TAGS)):
        tag, kind, length, value = entry.unpack_from(data, at + index * entry.size)
        found[tag] = _numbers(data, order, kind, length, value)
    end = at + count * entry.size
    return found, _offset(data[end : end + (8 if big else 4)], order)


def _numbers(data: bytes, order: str, kind: int, length: int, value: bytes) -> tuple[int, ...]:
    """Read the numbers of a tag, which stand in its entry or where that points to."""
    if kind == _BLOCK and length > len(value):
        return _offset(value, order), length
    if kind not in _NUMBERS or not 0 < length <= _MOST_VALUES:
        return ()
    packed = struct.Struct(f"{order}{length}{_NUMBERS[kind]}")
    if packed.size > len(value):
        start = _offset(value, order)
        value = data[start : start + packed.size]
    return packed.unpack_from(value) if len(value) >= packed.size else ()


def _offset(value: bytes, order: str) -> int:
    return int.from_bytes(value, "little" if order == "<" else "big")

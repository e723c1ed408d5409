"""IPTC: the captions and credits that agencies write.

Records: IPTC-NAA Information Interchange Model 4.2, chapters 1.5 and 6. In a JPEG they are a
resource of Photoshop's: Adobe Photoshop File Formats Specification, "Image Resources Section".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from safelight.metadata import MAX_READ, MAX_WRITTEN
from safelight.metadata.exif import decoded

# Dataset numbers of the application record.
BY_LINE, CREDIT, NOTICE = 80, 110, 116
_ENVELOPE, _APPLICATION, _CHARACTER_SET = 1, 2, 90
_MARK = 0x1C
_COPYRIGHT = {BY_LINE, CREDIT, NOTICE}
# Version, title, status, urgency, subjects, categories, keywords, instructions, dates, programs,
# writers, headline, source, contact, caption, language.
_ABOUT = _COPYRIGHT | {
    0, 5, 7, 8, 10, 12, 15, 20, 22, 25, 30, 35, 37, 38, 40, 42, 47, 50, 55, 60, 62, 63, 65, 70, 75,
    85, 103, 105, 115, 118, 120, 121, 122, 130, 131, 135,
}  # fmt: skip
# Content location, city, part of it, state, country.
_PLACE = {26, 27, 90, 92, 95, 100, 101}
_HEADING, _RESOURCE, _RECORDS = b"Photoshop 3.0\0", b"8BIM", 0x0404


def kept(data: bytes, policy: str) -> bytes | None:
    """Write the records that a policy keeps, bare.

    ``data``: records, bare or as a JPEG holds them. Returns None when nothing is left.
    """
    known = _COPYRIGHT if policy == "copyright" else _ABOUT
    if policy == "all-with-gps":
        known = known | _PLACE
    out, told = bytearray(), False
    for record, number, value in _records(data):
        charset = (record, number) == (_ENVELOPE, _CHARACTER_SET)
        telling = record == _APPLICATION and number in known
        if (charset or telling) and len(out) + 5 + len(value) <= MAX_WRITTEN:
            out += struct.pack(">BBBH", _MARK, record, number, len(value)) + value
            told = told or telling
    return bytes(out) if told else None


def texts(data: bytes, number: int) -> list[str]:
    """Read the texts of a dataset of the application record."""
    return [
        decoded(value)
        for record, found, value in _records(data)
        if (record, found) == (_APPLICATION, number) and value.strip()
    ]


def resource(records: bytes) -> bytes:
    """Wrap bare records as a JPEG holds them in its segment APP13."""
    head = _RESOURCE + struct.pack(">HHI", _RECORDS, 0, len(records))
    return _HEADING + head + records + bytes(len(records) % 2)


def _records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Walk the datasets: record, number, value. What is not one ends the walk."""
    bare = _bare(data[:MAX_READ])
    at = 0
    while at + 5 <= len(bare) and bare[at] == _MARK:
        record, number, size = struct.unpack_from(">BBH", bare, at + 1)
        value = bare[at + 5 : at + 5 + size]
        # The highest bit says that what follows is the size's size: more than any text needs.
        if size & 0x8000 or len(value) < size:
            return
        yield record, number, value
        at += 5 + size


def _bare(data: bytes) -> bytes:
    """Find the records among Photoshop's resources."""
    if not data.startswith(_HEADING):
        return data
    at = len(_HEADING)
    while at + 12 <= len(data) and data[at : at + 4] == _RESOURCE:
        (kind,) = struct.unpack_from(">H", data, at + 4)
        # A name with its length, together even, then the size of the body.
        name = at + 6
        start = name + (data[name] + 2) // 2 * 2 + 4
        size = int.from_bytes(data[start - 4 : start], "big")
        if kind == _RECORDS:
            return data[start : start + size]
        at = start + size + size % 2
    return b""

"""Files as cameras write them, byte by byte: what surrounds a preview, and no sensor's data."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

STRIPS, PREVIEW, PANASONIC = (273, 279), (513, 514), (46,)

# Whole numbers by their tag; a block by the two tags that say where it is and its size, or by one.
Directory = Mapping[Any, Any]


def tiff(
    first: Directory,
    *following: Directory,
    below: tuple[Directory, ...] = (),
    magic: bytes = b"II*\0",
    big: bool = False,
) -> bytes:
    """Write directories one after another, and some below the first."""
    order = "<" if magic[:1] == b"I" else ">"
    offset, counter, width = ("Q", "Q", 8) if big else ("I", "H", 4)
    head = 16 if big else 8
    body = b""
    every = [dict(directory) for directory in (first, *following, *below)]
    for directory in every:
        for tags, block in list(directory.items()):
            if isinstance(block, bytes):
                del directory[tags]
                place = (head + len(body), len(block))
                directory.update({tags[0]: place} if len(tags) == 1 else _each(tags, place))
                body += block
    if below:
        every[0][330] = (0,) * len(below)
    entry = 4 + 2 * width
    sizes = [struct.calcsize(order + counter) + len(d) * entry + width for d in every]
    starts = [head + len(body) + sum(sizes[:number]) for number in range(len(every))]
    if below:
        every[0][330] = tuple(starts[1 + len(following) :])
    rest = head + len(body) + sum(sizes)
    longer, written = b"", b""
    for number, directory in enumerate(every):
        written += struct.pack(order + counter, len(directory))
        for tag, values in sorted(directory.items()):
            if tag == PANASONIC[0]:
                written += struct.pack(order + "HH" + offset * 2, tag, 7, values[1], values[0])
                continue
            packed = struct.pack(f"{order}{len(values)}{offset}", *values)
            written += struct.pack(order + "HH" + offset, tag, 16 if big else 4, len(values))
            if len(packed) <= width:
                written += packed
            else:
                written += struct.pack(order + offset, rest + len(longer))
                longer += packed
        linked = number < len(following)
        written += struct.pack(order + offset, starts[number + 1] if linked else 0)
    start = struct.pack(order + offset, starts[0])
    wide = struct.pack(order + "HH", 8, 0) if big else b""
    return magic + wide + start + body + written + longer


def _each(tags: tuple[int, ...], values: tuple[int, ...]) -> dict[int, tuple[int]]:
    return {tag: (value,) for tag, value in zip(tags, values, strict=True)}


def raf(preview: bytes) -> bytes:
    """Write what a Fujifilm begins with."""
    head = b"FUJIFILMCCD-RAW 0201".ljust(84, b"\0")
    return head + struct.pack(">II", 100, len(preview)) + bytes(8) + preview + bytes(50)


def box(kind: bytes, *content: bytes, number: bytes = b"", large: bool = False) -> bytes:
    """Write a box; ``number`` is the name of those that have none."""
    whole = number + b"".join(content)
    if large:
        return struct.pack(">I4sQ", 1, kind, 16 + len(whole)) + whole
    return struct.pack(">I4s", 8 + len(whole), kind) + whole


def cr3(preview: bytes, sample: bytes, *, orientation: int, large: bool = False) -> bytes:
    """Write what a Canon begins with: a smaller preview, and a track of one sample.

    ``large``: boxes may be longer than 4 GB, and say so.
    """

    def movie(at: int) -> bytes:
        sizes = box(b"stsz", struct.pack(">IIIB", 0, len(sample), 1, 0))
        chunks = box(b"co64", struct.pack(">IIQ", 0, 1, at))
        table = box(b"stbl", box(b"stsd", bytes(8)), sizes, chunks)
        track = box(b"trak", box(b"tkhd", bytes(80)), box(b"mdia", box(b"minf", table)))
        about = box(
            b"uuid", box(b"CMT1", tiff({274: (orientation,)})),
            number=bytes.fromhex("85c0b687820f11e08111f4ce462b6a48"),
        )  # fmt: skip
        return box(b"moov", about, box(b"mvhd", bytes(100)), track, large=large)

    smaller = box(
        b"uuid", bytes(8), box(b"PRVW", bytes(12), struct.pack(">I", len(preview)), preview),
        number=bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16"),
    )  # fmt: skip
    begin = box(b"ftyp", b"crx \0\0\0\1crx isom")
    at = len(begin + movie(0) + smaller) + (16 if large else 8)
    return begin + movie(at) + smaller + box(b"mdat", sample, large=large)

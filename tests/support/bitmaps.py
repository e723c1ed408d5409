"""Bitmaps, byte by byte: every header, depth and order, and what no program would write."""

from __future__ import annotations

import struct

# Red, green, blue, white; greys for the rest.
PALETTE = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)] + [(i, i, i) for i in range(252)]


def rows_of(pixels: list[list[int]], bits: int) -> bytes:
    """Pack rows of whole numbers, the last row first, each padded to four bytes."""
    packed = b""
    for row in reversed(pixels):
        if bits >= 8:
            line = b"".join(value.to_bytes(bits // 8, "little") for value in row)
        else:
            text = "".join(f"{value:0{bits}b}" for value in row)
            line = int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(
                -(-len(text) // 8), "big"
            )
        packed += line + bytes(-len(line) % 4)
    return packed


def dib(
    width: int,
    height: int,
    bits: int,
    *,
    header: int = 40,
    compression: int = 0,
    used: int = 0,
    masks: tuple[int, ...] = (),
    colours: list[tuple[int, int, int]] | None = None,
    profile: bytes = b"",
) -> bytes:
    """Write a bitmap's header and what stands between it and the pixels."""
    if header == 12:
        head = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        head = struct.pack("<IiiHHI", header, width, height, 1, bits, compression)
        head += struct.pack("<IiiII", 0, 2835, 2835, used, 0)
        head += struct.pack(f"<{len(masks)}I", *masks)
        if profile:
            head = head.ljust(56, b"\0") + b"DEBM"
            head = head.ljust(112, b"\0") + struct.pack("<II", header, len(profile))
        head = head[:header].ljust(header, b"\0") if header != 40 else head
    for red, green, blue in colours or ():
        head += bytes((blue, green, red)) + (b"" if header == 12 else b"\0")
    return head + profile


def bmp(head: bytes, rows: bytes, *, start: int | None = None) -> bytes:
    """Put a file's header before a bitmap's."""
    begin = 14 + len(head) if start is None else start
    return struct.pack("<2sIHHI", b"BM", 14 + len(head) + len(rows), 0, 0, begin) + head + rows


def ico(*pictures: bytes, sizes: list[tuple[int, int]] | None = None) -> bytes:
    """Put pictures into an icon; ``sizes`` are what its entries say, the truth or not."""
    head = struct.pack("<HHH", 0, 1, len(pictures))
    at = 6 + 16 * len(pictures)
    for number, picture in enumerate(pictures):
        width, height = sizes[number] if sizes else (0, 0)
        head += struct.pack("<BBBBHHII", width, height, 0, 0, 1, 32, len(picture), at)
        at += len(picture)
    return head + b"".join(pictures)

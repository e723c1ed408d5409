"""The name of an ICC colour profile."""

from __future__ import annotations

import struct

_MAX_TAGS = 200


def profile_name(data: bytes) -> str | None:
    """Read a profile's description.

    ``data``: a whole profile. Returns None when it has none that can be read. Format: ICC.1:2022
    §7.3 (tag table), §10.15 (multiLocalizedUnicodeType), and ICC.1:2001 §6.5.17 for version 2.
    """
    try:
        (count,) = struct.unpack_from(">I", data, 128)
        for index in range(min(count, _MAX_TAGS)):
            signature, offset, size = struct.unpack_from(">4sII", data, 132 + 12 * index)
            if signature == b"desc":
                return _text(data[offset : offset + size]) or None
    except struct.error:
        return None
    return None


def _text(tag: bytes) -> str:
    if tag[:4] == b"mluc":
        length, offset = struct.unpack_from(">II", tag, 20)
        text = tag[offset : offset + length].decode("utf-16-be", "replace")
    else:
        (length,) = struct.unpack_from(">I", tag, 8)
        text = tag[12 : 12 + length].decode("latin-1")
    return "".join(letter for letter in text[:200] if letter.isprintable()).strip()

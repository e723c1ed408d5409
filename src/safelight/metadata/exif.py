"""EXIF: a block of tags about the photograph and the camera.

Structure and tags: CIPA DC-008-2023 (Exif 3.0) §4.5 and §4.6; directories as in TIFF 6.0 section 2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

import msgspec

ARTIST, COPYRIGHT = 0x013B, 0x8298
# Pointers to further directories: how it was taken, where, and another.
CAMERA, POSITION, _EXCHANGE = 0x8769, 0x8825, 0xA005
MAIN = 0

# Description, make, model, software, time, artist, copyright; Windows's title to subject.
_ABOUT = {0x010E, 0x010F, 0x0110, 0x0131, 0x0132, ARTIST, COPYRIGHT, *range(0x9C9B, 0x9CA0)}
# Exposure, times, lens and what else says how the picture was taken. Left out on purpose: notes of
# the maker (927C), the picture's identity (A420), the owner's name and the serial numbers (A430,
# A431, A435), sizes (A002, A003), which are written afresh.
_TAKEN = {
    0x829A, 0x829D, 0x8822, 0x8827, *range(0x8830, 0x8836), 0x9003, 0x9004, *range(0x9010, 0x9013),
    *range(0x9201, 0x920B), 0x9286, *range(0x9290, 0x9293), 0xA217, 0xA300, 0xA301,
    *range(0xA401, 0xA40B), 0xA40C, *range(0xA432, 0xA435),
}  # fmt: skip
_PLACE = set(range(32))
# Bytes of a value of each type.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8}
_TEXT = 2
# How numbers are packed, by their type, and fractions of two of them.
_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
_FRACTIONS = {5: "I", 10: "i"}
# Of what is read: entries of a directory; of what is written: bytes of a value and a directory.
_MAX_ENTRIES, _MAX_VALUE, _MAX_DIRECTORY = 500, 4_000, 16_000


class _Entry(msgspec.Struct, frozen=True):
    tag: int
    kind: int
    count: int
    value: bytes


def kept(data: bytes, policy: str) -> bytes | None:
    """Write a fresh block with the tags that a policy keeps.

    ``data``: a block, with or without its "Exif" mark; a classic TIFF file is one, too. Returns the
    block with its mark, or None when nothing is left.
    """
    block, order = _opened(data)
    main = _main(block, order)
    about = {ARTIST, COPYRIGHT} if policy == "copyright" else _ABOUT
    below = dict[int, list[_Entry]]()
    if policy != "copyright":
        below[CAMERA] = _below(block, order, main, CAMERA, _TAKEN)
    if policy == "all-with-gps":
        below[POSITION] = _below(block, order, main, POSITION, _PLACE)
    chosen = _fitting(entry for entry in main if entry.tag in about)
    if not chosen and not any(below.values()):
        return None
    return b"Exif\0\0" + _written(block[:4], order, chosen, below)


def pointers(data: bytes, *, most: int) -> int:
    """Count how often directories refer to further ones, up to a little over ``most``.

    A camera's do three times: a reader that follows every one may go round in circles for long.
    """
    block, order = _opened(data)
    if not order or len(block) < 8:
        return 0
    found, seen = 0, set[int]()
    waiting = [struct.unpack_from(order + "I", block, 4)[0]]
    while waiting and found <= most:
        start = waiting.pop()
        head = block[start : start + 2]
        if start in seen or len(head) < 2:
            continue
        seen.add(start)
        table = block[start + 2 : start + 2 + 12 * struct.unpack(order + "H", head)[0]]
        whole = table[: len(table) // 12 * 12]
        for tag, where in struct.iter_unpack(order + "H6xI", whole):
            if tag in (CAMERA, POSITION, _EXCHANGE):
                found += 1
                waiting.append(where)
        behind = block[start + 2 + len(whole) : start + 6 + len(whole)]
        if len(seen) == 1 and len(behind) == 4:
            waiting.append(struct.unpack(order + "I", behind)[0])
    return found


def texts(data: bytes, tag: int) -> list[str]:
    """Read a text of the main directory; a copyright has two parts, which may be empty."""
    values = [e.value for e in _main(*_opened(data)) if (e.tag, e.kind) == (tag, _TEXT)]
    return [decoded(part) for value in values for part in value.split(b"\0") if part.strip()]


def values(data: bytes) -> dict[tuple[int, int], str | tuple[float, ...]]:
    """Read texts and numbers by directory (``MAIN``, ``CAMERA``, ``POSITION``) and tag.

    ``data``: a block that ``kept`` has written. Fractions of nothing are left out, and what is of
    another type.
    """
    block, order = _opened(data)
    main = _main(block, order)
    found: dict[tuple[int, int], str | tuple[float, ...]] = {}
    for directory in (MAIN, CAMERA, POSITION):
        entries = main if directory == MAIN else _below(block, order, main, directory, None)
        for entry in entries:
            if entry.kind == _TEXT:
                found[directory, entry.tag] = decoded(entry.value.replace(b"\0", b" "))
            elif numbers := _numbers(entry, order):
                found[directory, entry.tag] = numbers
    return found


def _numbers(entry: _Entry, order: str) -> tuple[float, ...]:
    if kind := _NUMBERS.get(entry.kind):
        return struct.unpack(f"{order}{entry.count}{kind}", entry.value)
    if kind := _FRACTIONS.get(entry.kind):
        parts = struct.unpack(f"{order}{2 * entry.count}{kind}", entry.value)
        pairs = list(zip(parts[::2], parts[1::2], strict=True))
        return tuple(a / b for a, b in pairs) if all(b for _, b in pairs) else ()
    return ()


def decoded(text: bytes) -> str:
    """Read a text of which nobody says how it is encoded: as UTF-8, else as Latin-1."""
    try:
        return text.decode("utf-8").strip()
    except UnicodeDecodeError:
        return text.decode("latin-1").strip()


def _opened(data: bytes) -> tuple[bytes, str]:
    """Find the block's start and its byte order, "" when it is none."""
    block = data.removeprefix(b"Exif\0\0")
    return block, {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4], "")


def _main(block: bytes, order: str) -> list[_Entry]:
    if not order or len(block) < 8:
        return []
    return list(_directory(block, order, struct.unpack_from(order + "I", block, 4)[0]))


def _below(
    block: bytes, order: str, main: list[_Entry], pointer: int, known: set[int] | None
) -> list[_Entry]:
    for entry in main:
        if entry.tag == pointer and len(entry.value) == 4:
            (start,) = struct.unpack(order + "I", entry.value)
            entries = _directory(block, order, start)
            return _fitting(e for e in entries if known is None or e.tag in known)
    return []


def _fitting(entries: Iterable[_Entry]) -> list[_Entry]:
    room, fitting = _MAX_DIRECTORY, list[_Entry]()
    for entry in entries:
        size = 12 + len(entry.value)
        if size <= room:
            fitting.append(entry)
            room -= size
    return fitting


def _directory(block: bytes, order: str, start: int) -> Iterator[_Entry]:
    """Read the entries whose values are whole and short, each tag once."""
    seen = set[int]()
    count = int.from_bytes(block[start : start + 2], "little" if order == "<" else "big")
    for index in range(min(count, _MAX_ENTRIES)):
        at = start + 2 + 12 * index
        if at + 12 > len(block):
            return
        tag, kind, length = struct.unpack_from(order + "HHI", block, at)
        size = _SIZES.get(kind, _MAX_VALUE) * length
        where = at + 8 if size <= 4 else struct.unpack_from(order + "I", block, at + 8)[0]
        value = block[where : where + size] if 0 < size < _MAX_VALUE else b""
        if value and len(value) == size and tag not in seen:
            seen.add(tag)
            yield _Entry(tag, kind, length, value)


def _written(
    mark: bytes, order: str, entries: Iterable[_Entry], below: dict[int, list[_Entry]]
) -> bytes:
    """Lay out the directories one after the other, each with its values behind it."""
    out = bytearray(mark + struct.pack(order + "I", 8))
    pointers = [_Entry(tag, 4, 1, bytes(4)) for tag, within in below.items() if within]
    main = sorted([*entries, *pointers], key=lambda entry: entry.tag)
    out += _laid_out(order, main, len(out))
    for tag, within in below.items():
        if within:
            at = 8 + 2 + 12 * [entry.tag for entry in main].index(tag) + 8
            struct.pack_into(order + "I", out, at, len(out))
            out += _laid_out(order, within, len(out))
    return bytes(out)


def _laid_out(order: str, entries: list[_Entry], start: int) -> bytes:
    values = start + 2 + 12 * len(entries) + 4
    head, behind = struct.pack(order + "H", len(entries)), b""
    for entry in entries:
        value = entry.value.ljust(4, b"\0")
        if len(value) > 4:
            value = struct.pack(order + "I", values + len(behind))
            behind += entry.value + bytes(len(entry.value) % 2)
        head += struct.pack(order + "HHI", entry.tag, entry.kind, entry.count) + value
    return head + bytes(4) + behind

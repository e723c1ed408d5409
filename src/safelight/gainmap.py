"""Gain maps in JPEGs ("Ultra HDR"): found in a file, and written into one.

A gain map is a small second picture that says how much brighter each part is on a display that can
show it. Container and XMP: Ultra HDR Image Format 1.1 (Android); the binary form of the same
numbers: ISO 21496-1:2025; where the second picture is: CIPA DC-007-2021 (Multi-Picture
Format) §5.2.
"""

from __future__ import annotations

import math
import struct

import msgspec
from msgspec.structs import astuple

from safelight.jpeg import segments
from safelight.metadata.xmp import values

_HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_ISO = b"urn:iso:std:iso:ts:21496:-1\0"
_MPF = b"MPF\0"
_EXIF = b"Exif\0\0"
_APP1, _APP2 = 0xE1, 0xE2
_PICTURES = 0xB002  # the tag that lists them
_MAX_PICTURES = 8
_MANY, _OWN_SPACE, _BACKWARD, _ONE_DENOMINATOR = 128, 64, 4, 8
_PRECISION = 1_000_000
_LONGEST = 65_533


class Channel(msgspec.Struct, frozen=True):
    """What the values of one band mean: 0 is the gain ``low``, white ``high``, both log2.

    Encoded with ``gamma``. ``dark`` and ``bright`` are added to the linear values of the standard
    and the bright picture before one is divided by the other.
    """

    low: float
    high: float
    gamma: float
    dark: float
    bright: float

    def plausible(self) -> bool:
        """Tell whether the numbers can be what a camera wrote."""
        bounded = all(math.isfinite(part) and abs(part) < 1_000 for part in astuple(self))
        positive = self.gamma > 0 and self.dark >= 0 and self.bright >= 0
        return bounded and positive and self.low <= self.high


class GainMap(msgspec.Struct, frozen=True):
    """A gain map: a whole JPEG and how it is meant.

    ``channels``: one, or one for each band. From ``least`` to ``most`` (log2 of how much brighter a
    display's white can be) the map is applied more and more. ``own_space``: the gains are those of
    the standard picture's own colour space.
    """

    picture: bytes
    channels: tuple[Channel, ...]
    least: float
    most: float
    own_space: bool = True


def find(data: bytes) -> GainMap | None:
    """Find the gain map in a JPEG. Returns None when there is none that is understood.

    Raises SourceDamaged.
    """
    for at, marker, body in segments(data):
        if marker == _APP2 and body.startswith(_MPF):
            origin = at + 4 + len(_MPF)
            others = (picture for picture in _pictures(body[len(_MPF) :]) if picture[0])
            maps = (_gain_map(data[origin + start : origin + start + size])
                    for start, size in others)  # fmt: skip
            return next(filter(None, maps), None)
    return None


def _pictures(block: bytes) -> list[tuple[int, int]]:
    """Read where the pictures begin, counted from the block's first byte, and their sizes."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return []
    try:
        (start,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, start)
        for index in range(min(count, 20)):
            tag, size, where = struct.unpack_from(order + "HxxII", block, start + 2 + 12 * index)
            if tag == _PICTURES:
                number = min(size // 16, _MAX_PICTURES)
                found = struct.unpack_from(order + "4xII4x" * number, block, where)
                return list(zip(found[1::2], found[::2], strict=True))
    except struct.error:
        return []
    return []


def _gain_map(picture: bytes) -> GainMap | None:
    """Read what a JPEG's own segments say of it, if it is a gain map."""
    if not picture.startswith(b"\xff\xd8\xff"):
        return None
    by_xmp = None
    for _, marker, body in segments(picture):
        if marker == _APP2 and body.startswith(_ISO):
            return _checked(_by_iso(picture, body[len(_ISO) :]))
        if marker == _APP1 and body.startswith(_XMP):
            by_xmp = by_xmp or _checked(_by_xmp(picture, values(body[len(_XMP) :], _HDRGM)))
    return by_xmp


def _checked(found: GainMap | None) -> GainMap | None:
    if found is None or not all(channel.plausible() for channel in found.channels):
        return None
    return found if 0 <= found.least < found.most < 1_000 else None


def _by_iso(picture: bytes, data: bytes) -> GainMap | None:
    try:
        least_version, _, flags = struct.unpack_from(">HHB", data)
        if least_version or flags & _BACKWARD:
            return None
        count = 3 if flags & _MANY else 1
        if flags & _ONE_DENOMINATOR:
            below, *above = struct.unpack_from(">III" + "iiIii" * count, data, 5)
            numbers = [number / below for number in above]
        else:
            parts = struct.unpack_from(">IIII" + "iIiIIIiIiI" * count, data, 5)
            numbers = [a / b for a, b in zip(parts[::2], parts[1::2], strict=True)]
    except (struct.error, ZeroDivisionError):
        return None
    channels = tuple(Channel(*numbers[2 + 5 * i : 7 + 5 * i]) for i in range(count))
    return GainMap(picture, channels, numbers[0], numbers[1], bool(flags & _OWN_SPACE))


def _by_xmp(picture: bytes, said: dict[str, list[str]]) -> GainMap | None:
    if said.get("BaseRenditionIsHDR", ["False"]) != ["False"]:
        return None
    try:
        listed = [
            [float(text) for text in said.get(name, default)]
            for name, default in (
                ("GainMapMin", ["0"]), ("GainMapMax", []), ("Gamma", ["1"]),
                ("OffsetSDR", ["0.015625"]), ("OffsetHDR", ["0.015625"]),
            )
        ]  # fmt: skip
        (least,) = [float(text) for text in said.get("HDRCapacityMin", ["0"])]
        (most,) = [float(text) for text in said.get("HDRCapacityMax", [])]
    except ValueError:
        return None
    lengths = {len(numbers) for numbers in listed}
    if not lengths <= {1, 3}:
        return None
    wide = [numbers * (max(lengths) // len(numbers)) for numbers in listed]
    channels = tuple(Channel(*parts) for parts in zip(*wide, strict=True))
    return GainMap(picture, channels, least, most)


def attach(base: bytes, gain: GainMap) -> bytes:
    """Write a JPEG and its gain map into one file.

    Both are whole JPEGs; ``base`` keeps what it says of itself, ``gain.picture`` says nothing yet.
    """
    told = _segment(_APP1, _XMP + _meaning_as_xmp(gain)) + _segment(_APP2, _ISO + _as_iso(gain))
    second = b"\xff\xd8" + told + gain.picture[2:]
    head, rest = _header_with(base, _directory(len(second)))
    head += _segment(_APP2, _ISO + bytes(4))
    first = len(head) + len(_segment(_APP2, _MPF + _listing(0, 0, 0))) + len(rest)
    # Counted from behind the marker, the length and the mark of this segment.
    offset = first - (len(head) + 4 + len(_MPF))
    return head + _segment(_APP2, _MPF + _listing(first, len(second), offset)) + rest + second


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _header_with(base: bytes, directory: str) -> tuple[bytes, bytes]:
    """Tell of the second picture in the XMP, and split the file behind its first segments."""
    parts, xmp, end = [], None, 2
    for at, marker, body in segments(base):
        if not 0xE0 <= marker <= 0xEF:
            break
        end = at + 4 + len(body)
        if marker == _APP1 and body.startswith(_XMP):
            xmp = body.replace(b"</rdf:RDF>", directory.encode() + b"</rdf:RDF>", 1)
        else:
            parts.append((marker, body))
    if xmp is None or len(xmp) > _LONGEST:
        xmp = _XMP + _packet(directory)
    # Behind JFIF and EXIF, which have to come first.
    place = sum(marker == 0xE0 or body.startswith(_EXIF) for marker, body in parts)
    parts.insert(place, (_APP1, xmp))
    return b"\xff\xd8" + b"".join(_segment(*part) for part in parts), base[end:]


def _packet(description: str) -> bytes:
    rdf = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {rdf}>{description}</rdf:RDF></x:xmpmeta>'
    ).encode()


def _directory(size: int) -> str:
    return (
        f'<rdf:Description rdf:about="" xmlns:hdrgm="{_HDRGM}" xmlns:Container="{_CONTAINER}"'
        f' xmlns:Item="{_CONTAINER}item/" hdrgm:Version="1.0"><Container:Directory><rdf:Seq>'
        '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary"'
        ' Item:Mime="image/jpeg"/></rdf:li><rdf:li rdf:parseType="Resource"><Container:Item'
        f' Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="{size}"/></rdf:li>'
        "</rdf:Seq></Container:Directory></rdf:Description>"
    )


def _meaning_as_xmp(gain: GainMap) -> bytes:
    columns = zip(*(astuple(channel) for channel in gain.channels), strict=True)
    names = ("GainMapMin", "GainMapMax", "Gamma", "OffsetSDR", "OffsetHDR")
    single, lists = {"HDRCapacityMin": gain.least, "HDRCapacityMax": gain.most}, ""
    for name, numbers in zip(names, columns, strict=True):
        if len(numbers) == 1:
            single[name] = numbers[0]
        else:
            items = "".join(f"<rdf:li>{_decimal(number)}</rdf:li>" for number in numbers)
            lists += f"<hdrgm:{name}><rdf:Seq>{items}</rdf:Seq></hdrgm:{name}>"
    attributes = "".join(f' hdrgm:{name}="{_decimal(part)}"' for name, part in single.items())
    return _packet(
        f'<rdf:Description rdf:about="" xmlns:hdrgm="{_HDRGM}" hdrgm:Version="1.0"{attributes}'
        f' hdrgm:BaseRenditionIsHDR="False">{lists}</rdf:Description>'
    )


def _decimal(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _as_iso(gain: GainMap) -> bytes:
    """Write each number as a fraction of its own: not every reader knows the shorter form."""
    flags = (_MANY if len(gain.channels) > 1 else 0) | (_OWN_SPACE if gain.own_space else 0)
    numbers = [gain.least, gain.most, *(part for c in gain.channels for part in astuple(c))]
    fractions = (part for number in numbers for part in (round(number * _PRECISION), _PRECISION))
    layout = ">HHBIIII" + "iIiIIIiIiI" * len(gain.channels)
    return struct.pack(layout, 0, 0, flags, *fractions)


def _listing(first: int, second: int, offset: int) -> bytes:
    """List two pictures: version, number and entries; the first is the one to be shown."""
    head = struct.pack(">4sIH", b"MM\0*", 8, 3)
    head += struct.pack(">HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB001, 4, 1, 2)
    head += struct.pack(">HHII", _PICTURES, 7, 32, 50) + bytes(4)
    return head + struct.pack(">IIIIIIII", 0x30000, first, 0, 0, 0, second, offset, 0)

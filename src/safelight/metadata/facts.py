"""What EXIF, XMP and IPTC say of a picture, as plain values by plain names.

All that is told has gone through a policy first: no more is told of a source than an output with
that policy would hold. Texts are those of XMP, else of IPTC, else of EXIF: programs keep them up in
this order. Figures are EXIF's: cameras write these.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from safelight.metadata import exif, iptc, xmp

Fact: TypeAlias = str | int | float | tuple[str, ...]

_MOST_TEXT, _MOST_TEXTS, _MOST_NUMBER = 2_000, 64, 1e12
_MAIN, _CAMERA, _POSITION = exif.MAIN, exif.CAMERA, exif.POSITION

# Where a name is looked for: properties of XMP, datasets of IPTC, tags of EXIF.
_TEXTS: Mapping[str, tuple[tuple[str, ...], tuple[int, ...], tuple[tuple[int, int], ...]]] = {
    "make": (("tiff:Make",), (), ((_MAIN, 0x010F),)),
    "model": (("tiff:Model",), (), ((_MAIN, 0x0110),)),
    "lens": (("exifEX:LensModel", "aux:Lens"), (), ((_CAMERA, 0xA434),)),
    "software": (("xmp:CreatorTool", "tiff:Software"), (), ((_MAIN, 0x0131),)),
    "title": (("dc:title",), (5,), ()),
    "headline": (("photoshop:Headline",), (105,), ()),
    "description": (("dc:description",), (120,), ((_MAIN, 0x010E),)),
    "copyright": (("dc:rights",), (iptc.NOTICE,), ((_MAIN, exif.COPYRIGHT),)),
    "credit": (("photoshop:Credit",), (iptc.CREDIT,), ()),
    "license": (("cc:license", "xmpRights:WebStatement"), (), ()),
    "city": (("photoshop:City",), (90,), ()),
    "state": (("photoshop:State",), (95,), ()),
    "country": (("photoshop:Country",), (101,), ()),
}
_LISTS = {
    "creators": (("dc:creator",), (iptc.BY_LINE,), ((_MAIN, exif.ARTIST),)),
    "keywords": (("dc:subject",), (25,), ()),
}
_NUMBERS = {
    "exposure_time": (_CAMERA, 0x829A),
    "f_number": (_CAMERA, 0x829D),
    "iso": (_CAMERA, 0x8827),
    "focal_length": (_CAMERA, 0x920A),
    "focal_length_35mm": (_CAMERA, 0xA405),
}
_BIAS = (_CAMERA, 0x9204)
# When it was taken, and the offset of that clock (Exif 3.0 §4.6.6.4).
_TAKEN, _OFFSET = (_CAMERA, 0x9003), (_CAMERA, 0x9011)
_TAKEN_XMP = ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate")
_TAKEN_IPTC = (55, 60)
_IS_OFFSET = re.compile(r"[+-]\d\d:\d\d\Z")
_IS_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?)?)?\Z")
# Latitude, longitude and altitude: the value, what says its direction, the most that it can be.
_PLACES = (("latitude", 2, 1, "NS", 90.0), ("longitude", 4, 3, "EW", 180.0))
_ALTITUDE, _BELOW = (_POSITION, 6), (_POSITION, 5)
_XMP_PLACE = re.compile(
    r"(\d{1,3}),(\d{1,2}(?:\.\d{1,12})?)(?:,(\d{1,2}(?:\.\d{1,12})?))?([NSEW])\Z"
)
# Ten millionths of a degree are a centimetre.
_DIGITS = 7


def facts(
    policy: str, *, exif_data: bytes = b"", xmp_data: bytes = b"", iptc_data: bytes = b""
) -> dict[str, Fact]:
    """Tell what a policy of ``POLICIES`` allows to be told.

    ``exif_data``, ``xmp_data`` and ``iptc_data`` are blocks as a file holds them, a stranger's.
    Texts have at most 2,000 characters, lists 64 of them; numbers are finite. Times are ISO 8601,
    exposures in seconds, focal lengths in mm, places in degrees and metres.
    """
    if policy == "none":
        return {}
    said = _Said(
        exif.values(exif.kept(exif_data, policy) or b""),
        xmp.kept(xmp_data, policy) or b"",
        iptc.kept(iptc_data, policy) or b"",
    )
    found: dict[str, Fact | None] = {}
    for name, where in _TEXTS.items():
        found[name] = next(iter(said.texts(*where)), None)
    for name, where in _LISTS.items():
        found[name] = said.texts(*where)[:_MOST_TEXTS] or None
    for name, tag in _NUMBERS.items():
        found[name] = said.number(tag)
    found["exposure_bias"] = said.number(_BIAS, zero=True)
    found["taken_at"] = said.taken_at()
    for name, value, direction, letters, most in _PLACES:
        found[name] = said.place(name, value, direction, letters, most)
    found["altitude"] = said.altitude()
    return {name: fact for name, fact in found.items() if fact is not None}


class _Said:
    """What the three say, after the policy."""

    def __init__(
        self, tags: Mapping[tuple[int, int], str | tuple[float, ...]], packet: bytes, records: bytes
    ) -> None:
        self._tags = tags
        self._packet = packet
        self._records = records
        self._properties: dict[str, dict[str, list[str]]] = {}

    def texts(
        self,
        properties: Iterable[str],
        datasets: Iterable[int],
        tags: Iterable[tuple[int, int]],
    ) -> tuple[str, ...]:
        """Give the texts of whoever says something first."""
        for name in properties:
            if found := _cleaned(self._property(name)):
                return found
        for number in datasets:
            if found := _cleaned(iptc.texts(self._records, number)):
                return found
        for tag in tags:
            value = self._tags.get(tag)
            if found := _cleaned([value] if isinstance(value, str) else []):
                return found
        return ()

    def number(self, tag: tuple[int, int], *, zero: bool = False) -> float | None:
        """Give a number; nought means that it is unknown, unless ``zero`` is one like others."""
        value = self._tags.get(tag)
        if not isinstance(value, tuple) or not (value[0] or zero):
            return None
        return value[0] if math.isfinite(value[0]) and abs(value[0]) <= _MOST_NUMBER else None

    def taken_at(self) -> str | None:
        """Tell when the picture was taken, with the offset of its clock if that is known."""
        for name in _TAKEN_XMP:
            for text in self._property(name):
                if _IS_DATE.match(text):
                    return text
        if (digital := _moment(self._tags.get(_TAKEN), "%Y:%m:%d %H:%M:%S")) is not None:
            offset = self._tags.get(_OFFSET)
            known = isinstance(offset, str) and _IS_OFFSET.match(offset)
            return f"{digital}{offset}" if known else digital
        day, clock = (next(iter(iptc.texts(self._records, n)), "") for n in _TAKEN_IPTC)
        whole = _moment(f"{day} {clock[:6]}", "%Y%m%d %H%M%S")
        return whole or ((found := _moment(day, "%Y%m%d")) and found[:10])

    def place(
        self, name: str, value: int, direction: int, letters: str, most: float
    ) -> float | None:
        """Give a latitude or longitude in degrees, south and west below 0."""
        parts = self._tags.get((_POSITION, value))
        letter = self._tags.get((_POSITION, direction))
        if isinstance(parts, tuple) and len(parts) == 3 and letter in tuple(letters):
            return _degrees(parts, negative=letter == letters[1], most=most)
        for text in self._property(f"exif:GPS{name.capitalize()}"):
            if (said := _XMP_PLACE.match(text)) and said[4] in letters:
                told = (float(said[1]), float(said[2]), float(said[3] or 0))
                return _degrees(told, negative=said[4] == letters[1], most=most)
        return None

    def altitude(self) -> float | None:
        """Give the height above the sea in metres."""
        height = self.number(_ALTITUDE, zero=True)
        if height is None:
            return None
        return -height if self._tags.get(_BELOW) == (1,) else height

    def _property(self, name: str) -> list[str]:
        prefix, _, local = name.partition(":")
        if prefix not in self._properties:
            self._properties[prefix] = xmp.values(self._packet, xmp.namespace(prefix))
        return self._properties[prefix].get(local, [])


def _cleaned(texts: Iterable[str]) -> tuple[str, ...]:
    """Leave out what is no text, and what is empty."""
    whole = (
        "".join(letter for letter in text if letter.isprintable() or letter in "\n\t").strip()
        for text in texts
    )
    return tuple(text[:_MOST_TEXT] for text in whole if text)


def _moment(value: object, form: str) -> str | None:
    """Read a time; cameras without a clock write noughts or blanks."""
    try:
        return datetime.strptime(str(value), form).isoformat()  # noqa: DTZ007 - nobody knows
    except ValueError:
        return None


def _degrees(parts: tuple[float, ...], *, negative: bool, most: float) -> float | None:
    degrees = math.fsum(part / 60**power for power, part in enumerate(parts))
    if not 0 <= degrees <= most:
        return None
    return round(-degrees if negative else degrees, _DIGITS)

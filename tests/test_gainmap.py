"""Gain maps in JPEGs: found in a file of libultrahdr's, written into one, read by Pillow."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from safelight.gainmap import Channel, GainMap, attach, find
from tests.support.containers import jpeg_segments
from tests.support.pictures import encoded, lopsided

EMPTY = b"Exif\0\0II*\0\x08\0\0\0" + bytes(6)
PLAIN = encoded(lopsided(), "JPEG", icc_profile=bytes(200), exif=EMPTY)
SMALL = encoded(Image.linear_gradient("L").resize((60, 40)), "JPEG")
ONE = GainMap(SMALL, (Channel(-0.5, 2.25, 1.2, 0.015625, 0.01),), 0.0, 2.25)
THREE = GainMap(
    encoded(lopsided(60, 40), "JPEG"),
    (Channel(0, 1, 1, 0, 0), Channel(-1, 2, 0.8, 0.5, 0.25), Channel(0.125, 3, 1, 0.1, 0.2)),
    0.5, 3.0, own_space=False,
)  # fmt: skip


@pytest.fixture(scope="module")
def ultra(data: Path) -> bytes:
    return (data / "photos" / "ultra-hdr.jpg").read_bytes()


def pictures(data: bytes) -> list[bytes]:
    """Take a file's pictures apart, by what Pillow reads of its list."""
    entries = opened(data)._getmp()[0xB002]  # type: ignore[attr-defined]
    origin = data.index(b"MPF\0") + 4
    starts = [origin + entry["DataOffset"] if entry["DataOffset"] else 0 for entry in entries]
    return [data[a : a + entry["Size"]] for a, entry in zip(starts, entries, strict=True)]


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def told(data: bytes, mark: bytes) -> list[bytes]:
    return [body for _, body in jpeg_segments(data) if body.startswith(mark)]


def test_a_gain_map_is_found_in_a_file_of_another_writer(ultra: bytes) -> None:
    found = find(ultra)
    assert found is not None
    assert ultra.endswith(found.picture)
    assert Image.open(io.BytesIO(found.picture)).size == (213, 142)
    (channel,) = found.channels
    assert (channel.low, channel.gamma, channel.dark, channel.bright) == (0, 1, 0, 0)
    assert 5 < channel.high == found.most < 6
    assert found.least == 0
    assert found.own_space


@pytest.mark.parametrize("gain", [ONE, THREE])
def test_what_is_attached_is_found_again(gain: GainMap) -> None:
    made = attach(PLAIN, gain)
    found = find(made)
    assert found is not None
    assert replace(found, picture=gain.picture) == gain
    assert opened(found.picture).tobytes() == opened(gain.picture).tobytes()


@pytest.mark.parametrize("gain", [ONE, THREE])
def test_a_second_file_says_what_the_first_said(gain: GainMap) -> None:
    once = attach(PLAIN, gain)
    assert find(attach(PLAIN, find(once) or gain)) is not None
    assert (find(once) or gain).channels == gain.channels


def test_both_pictures_are_where_the_file_says(ultra: bytes) -> None:
    for file in (ultra, attach(PLAIN, ONE)):
        first, second = pictures(file)
        assert first + second == file
        assert find(file) == replace(find(file) or ONE, picture=second)
        assert opened(first).size != opened(second).size


def test_viewers_that_know_of_no_gain_maps_see_the_picture_itself() -> None:
    made = attach(PLAIN, ONE)
    first, _ = pictures(made)
    assert opened(first).tobytes() == opened(PLAIN).tobytes() == opened(made).tobytes()
    assert opened(made).format == "JPEG"
    for mark in (b"JFIF", b"Exif", b"ICC_PROFILE"):
        assert told(first, mark) == told(PLAIN, mark)
        assert len(told(first, mark)) == 1


def test_the_meaning_is_told_in_both_forms(ultra: bytes) -> None:
    first, second = pictures(attach(PLAIN, ONE))
    (primary,) = told(first, b"http://ns.adobe.com/xap/1.0/\0")
    assert b'hdrgm:Version="1.0"' in primary
    assert f'Item:Length="{len(second)}"'.encode() in primary
    (meaning,) = told(second, b"http://ns.adobe.com/xap/1.0/\0")
    assert b'hdrgm:GainMapMax="2.25"' in meaning
    assert b'hdrgm:GainMapMin="-0.5"' in meaning
    iso = b"urn:iso:std:iso:ts:21496:-1\0"
    assert told(first, iso) == told(pictures(ultra)[0], iso) == [iso + bytes(4)]
    assert len(told(second, iso)) == 1


@pytest.mark.parametrize("gain", [ONE, THREE])
def test_xmp_alone_is_understood(gain: GainMap) -> None:
    iso = b"urn:iso:std:iso:ts:21496:-1\0"
    made = attach(PLAIN, gain).replace(iso, iso[:-1] + b"!")
    found = find(made)
    assert found is not None
    # XMP says nothing of the space.
    assert replace(found, picture=gain.picture, own_space=gain.own_space) == gain


def test_what_is_missing_in_xmp_has_the_values_of_the_specification() -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
        b'syntax-ns#"><rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"'
        b' hdrgm:GainMapMax="2" hdrgm:HDRCapacityMax="3"/></rdf:RDF></x:xmpmeta>'
    )
    found = find(with_meaning(b"http://ns.adobe.com/xap/1.0/\0" + xmp, marker=0xE1))
    assert found is not None
    assert found.channels == (Channel(0, 2, 1, 1 / 64, 1 / 64),)
    assert (found.least, found.most) == (0, 3)


def with_meaning(body: bytes, *, marker: int) -> bytes:
    """Attach a map, and let it say something else of itself."""
    first, second = pictures(attach(PLAIN, ONE))
    plain = b"\xff\xd8" + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + SMALL[2:]
    size, offset = struct.pack(">I", len(second)), struct.pack(">I", len(plain))
    at = first.index(b"MPF\0") + 4 + 50 + 16 + 4
    assert first[at : at + 4] == size
    return first[:at] + offset + first[at + 4 :] + plain


ISO = b"urn:iso:std:iso:ts:21496:-1\0"


def as_iso(flags: int, *numbers: int, version: int = 0) -> bytes:
    return ISO + struct.pack(">HHB", version, 0, flags) + struct.pack(f">{len(numbers)}i", *numbers)


FRACTIONS = (0, 1, 3, 2, -1, 2, 6, 4, 5, 4, 1, 64, 1, 32)


def test_the_binary_form_is_read_with_a_denominator_for_each_number() -> None:
    found = find(with_meaning(as_iso(0, *FRACTIONS), marker=0xE2))
    assert found is not None
    assert found.channels == (Channel(-0.5, 1.5, 1.25, 1 / 64, 1 / 32),)
    assert (found.least, found.most, found.own_space) == (0, 1.5, False)


def test_the_binary_form_is_read_with_one_denominator_for_all() -> None:
    found = find(with_meaning(as_iso(64 | 8, 4, 0, 6, -2, 6, 5, 1, 2), marker=0xE2))
    assert found is not None
    assert found.channels == (Channel(-0.5, 1.5, 1.25, 0.25, 0.5),)
    assert (found.least, found.most, found.own_space) == (0, 1.5, True)


def test_the_binary_form_is_written_as_the_standard_has_it() -> None:
    (told_iso,) = told(pictures(attach(PLAIN, ONE))[1], ISO)
    assert len(told_iso) == len(ISO) + 5 + 8 * (2 + 5)
    assert told_iso[len(ISO) : len(ISO) + 5] == b"\0\0\0\0\x40"
    (told_iso,) = told(pictures(attach(PLAIN, THREE))[1], ISO)
    assert len(told_iso) == len(ISO) + 5 + 8 * (2 + 15)
    assert told_iso[len(ISO) : len(ISO) + 5] == b"\0\0\0\0\x80"


@pytest.mark.parametrize(
    "body",
    [
        as_iso(0, *FRACTIONS, version=1),
        # The bright picture comes first.
        as_iso(4, *FRACTIONS),
        as_iso(0, *FRACTIONS[:-1]),
        as_iso(128, *FRACTIONS),
        as_iso(0, 0, 0, *FRACTIONS[2:]),
        # The least is the most; the lowest above the highest; no gamma.
        as_iso(0, 3, 2, *FRACTIONS[2:]),
        as_iso(0, *FRACTIONS[:4], 7, *FRACTIONS[5:]),
        as_iso(0, *FRACTIONS[:8], 0, *FRACTIONS[9:]),
        as_iso(8, 0, 0, 1, 0, 1, 1, 0, 0),
        ISO,
    ],
)
def test_a_meaning_that_cannot_be_is_none(body: bytes) -> None:
    assert find(with_meaning(body, marker=0xE2)) is None


def xmp_meaning(attributes: str) -> bytes:
    return (
        b'http://ns.adobe.com/xap/1.0/\0<a xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/" '
        + attributes.encode()
        + b"/>"
    )


@pytest.mark.parametrize(
    "attributes",
    [
        'h:GainMapMax="2"',
        'h:GainMapMax="many" h:HDRCapacityMax="2"',
        'h:GainMapMax="nan" h:HDRCapacityMax="2"',
        'h:GainMapMax="inf" h:HDRCapacityMax="inf"',
        'h:GainMapMax="2" h:HDRCapacityMax="2" h:BaseRenditionIsHDR="True"',
        'h:GainMapMax="2" h:HDRCapacityMax="2" h:OffsetSDR="-1"',
    ],
)
def test_xmp_that_means_nothing_is_none(attributes: str) -> None:
    assert find(with_meaning(xmp_meaning(attributes), marker=0xE1)) is None
    good = 'h:GainMapMax="2" h:HDRCapacityMax="2"'
    assert find(with_meaning(xmp_meaning(good), marker=0xE1)) is not None


def test_a_picture_without_a_gain_map_has_none(photos: Path) -> None:
    assert find(PLAIN) is None
    assert find((photos / "sunset.jpg").read_bytes()) is None
    assert find(b"") is None
    # A second picture that is none: a preview, say.
    assert find(with_meaning(b"anything", marker=0xE2)) is None


def test_xmp_that_is_there_already_stays() -> None:
    xmp = (
        b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
        b' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""/>'
        b"</rdf:RDF></x:xmpmeta>"
    )
    segment = struct.pack(">BBH", 0xFF, 0xE1, len(xmp) + 2) + xmp
    made = attach(PLAIN[:20] + segment + PLAIN[20:], ONE)
    (merged,) = told(pictures(made)[0], b"http://ns.adobe.com/xap/1.0/\0")
    assert b'<rdf:Description rdf:about=""/>' in merged
    assert b"GainMap" in merged
    assert find(made) is not None


@given(st.integers(0, 2_000), st.binary(min_size=1, max_size=8))
def test_a_file_with_a_fault_has_a_gain_map_or_none(at: int, junk: bytes) -> None:
    whole = attach(PLAIN, ONE)
    found = find(whole[:at] + junk + whole[at + len(junk) :])
    assert found is None or found.picture.startswith(b"\xff\xd8\xff")


@given(st.integers(0, 6_000))
def test_a_file_cut_short_has_a_gain_map_or_none(length: int) -> None:
    found = find(attach(PLAIN, ONE)[:length])
    assert found is None or found.channels == ONE.channels

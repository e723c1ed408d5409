"""What is told of a picture's metadata: known values by policy, and no crash by strangers."""

from __future__ import annotations

import io
import json
import math
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from safelight import engine
from safelight.limits import Limits
from safelight.metadata import POLICIES
from safelight.metadata.facts import facts
from safelight.picture import Facts
from tests.support.notes import (
    CAMERA,
    IPTC,
    POSITION,
    UTF_8,
    XMP,
    dataset,
    exif_block,
    noted,
    photoshop,
)

_IS_FACTS = msgspec.json.Decoder(Facts)


@pytest.fixture(scope="module", autouse=True)
def _prepared() -> None:
    engine.prepare(threads=1)


def block(
    main: dict[int, Any] | None = None,
    camera: dict[int, Any] | None = None,
    position: dict[int, Any] | None = None,
) -> bytes:
    made = Image.Exif()
    made.update(main or {})
    made.get_ifd(CAMERA).update(camera or {})
    made.get_ifd(POSITION).update(position or {})
    return made.tobytes()


def packet(properties: str) -> bytes:
    spaces = "".join(
        f' xmlns:{prefix}="{name}"'
        for prefix, name in (
            ("dc", "http://purl.org/dc/elements/1.1/"),
            ("xmp", "http://ns.adobe.com/xap/1.0/"),
            ("exif", "http://ns.adobe.com/exif/1.0/"),
            ("photoshop", "http://ns.adobe.com/photoshop/1.0/"),
            ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
        )
    )
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF{spaces}><rdf:Description rdf:about="">'
        f"{properties}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def test_no_policy_no_facts() -> None:
    assert facts("none", exif_data=exif_block(), xmp_data=XMP, iptc_data=IPTC) == {}


def test_copyright_tells_who_and_nothing_else() -> None:
    told = facts("copyright", exif_data=exif_block(), xmp_data=XMP, iptc_data=IPTC)
    assert told == {"creators": ("Zoë & Max",), "copyright": "© Zoë"}


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_alone_is_told_in_plain_values(order: str) -> None:
    told = facts("all", exif_data=exif_block(order))
    assert told == {
        "make": "Nikon", "lens": "50mm f/1.4", "creators": ("Zoë",), "copyright": "© 2024 Zoë",
        "f_number": 2.8, "iso": 400, "taken_at": "2024-05-06T12:00:00",
    }  # fmt: skip


def test_a_camera_is_told_as_it_was_set() -> None:
    told = facts(
        "all",
        exif_data=block(
            {0x010F: "Canon", 0x0110: "EOS R5", 0x0131: "Firmware 1.8", 0x010E: "A hill"},
            {
                0x829A: IFDRational(1, 250), 0x829D: IFDRational(56, 10), 0x8827: 1_600,
                0x9204: IFDRational(-1, 3), 0x920A: IFDRational(70, 1), 0xA405: 105,
                0x9003: "2026:02:28 23:59:59", 0x9011: "+05:30", 0xA434: "RF 24-70mm",
            },
        ),
    )  # fmt: skip
    assert told == {
        "make": "Canon", "model": "EOS R5", "software": "Firmware 1.8", "description": "A hill",
        "exposure_time": 0.004, "f_number": 5.6, "iso": 1_600,
        "exposure_bias": pytest.approx(-1 / 3), "focal_length": 70.0, "focal_length_35mm": 105,
        "taken_at": "2026-02-28T23:59:59+05:30", "lens": "RF 24-70mm",
    }  # fmt: skip


def test_texts_are_those_of_xmp_then_of_iptc_then_of_exif() -> None:
    exif_data = block({0x010E: "from EXIF"})
    iptc_data = UTF_8 + dataset(120, b"from IPTC")
    xmp_data = packet('<dc:description><rdf:Alt><rdf:li xml:lang="x-default">from XMP</rdf:li>'
                      "</rdf:Alt></dc:description>")  # fmt: skip
    every = facts("all", exif_data=exif_data, iptc_data=iptc_data, xmp_data=xmp_data)
    assert every["description"] == "from XMP"
    assert facts("all", exif_data=exif_data, iptc_data=iptc_data)["description"] == "from IPTC"
    assert facts("all", exif_data=exif_data)["description"] == "from EXIF"


def test_captions_come_from_iptc_as_a_jpeg_holds_it() -> None:
    told = facts("all", iptc_data=photoshop(IPTC))
    assert told == {
        "title": "A hill", "keywords": ("hill", "green"), "creators": ("Zoë",),
        "copyright": "© Zoë",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (
            {1: "N", 2: (48.0, 8.0, 12.5), 3: "E", 4: (11.0, 34.0, 0.25), 5: b"\0", 6: 519.5},
            {"latitude": 48.1368056, "longitude": 11.5667361, "altitude": 519.5},
        ),
        (
            {1: "S", 2: (33.0, 51.5, 0.0), 3: "W", 4: (70.0, 40.0, 0.0), 5: b"\1", 6: 12.0},
            {"latitude": -33.8583333, "longitude": -70.6666667, "altitude": -12.0},
        ),
        ({1: "N", 2: (91.0, 0.0, 0.0), 3: "E", 4: (180.0, 0.0, 1.0)}, {}),
        ({1: "?", 2: (48.0, 8.0, 12.5), 4: (11.0, 34.0, 0.25)}, {}),
        ({1: "N", 2: (48.0,), 3: "E", 4: (11.0, 34.0)}, {}),
    ],
)
def test_the_place_is_told_in_degrees_and_only_when_that_is_said(
    position: dict[int, Any], expected: dict[str, float]
) -> None:
    exif_data = block(position=position)
    assert facts("all-with-gps", exif_data=exif_data) == expected
    assert facts("all", exif_data=exif_data) == {}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("48,8.25N", 48.1375), ("48,8,12N", 48.1366667), ("0,30S", -0.5), ("91,0N", None),
        ("48,8.2E", None), ("48.1368", None), ("", None),
    ],
)  # fmt: skip
def test_a_place_may_be_told_by_xmp(said: str, expected: float | None) -> None:
    xmp_data = packet(f"<exif:GPSLatitude>{said}</exif:GPSLatitude>")
    assert facts("all-with-gps", xmp_data=xmp_data).get("latitude") == expected


def test_nothing_tells_a_serial_number_or_an_owner() -> None:
    told = facts("all-with-gps", exif_data=exif_block(), xmp_data=XMP, iptc_data=IPTC)
    written = json.dumps(told)
    for secret in ("2041153", "10073", "A. Owner", "laptop", "0123456789abcdef", "preview"):
        assert secret not in written


@pytest.mark.parametrize("said", ["0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday", ""])
def test_a_clock_that_was_never_set_tells_nothing(said: str) -> None:
    assert "taken_at" not in facts("all", exif_data=block(camera={0x9003: said}))


def test_the_time_may_be_told_by_others() -> None:
    when = UTF_8 + dataset(55, b"20240506") + dataset(60, b"120000+0200")
    assert facts("all", iptc_data=when)["taken_at"] == "2024-05-06T12:00:00"
    assert facts("all", iptc_data=UTF_8 + dataset(55, b"20240506"))["taken_at"] == "2024-05-06"
    said = packet("<photoshop:DateCreated>2024-05-06T12:00+02:00</photoshop:DateCreated>")
    assert facts("all", xmp_data=said)["taken_at"] == "2024-05-06T12:00+02:00"
    odd = packet("<photoshop:DateCreated>in May</photoshop:DateCreated>")
    assert facts("all", xmp_data=odd) == {}


def test_what_is_nought_is_unknown_but_for_a_bias() -> None:
    camera = {
        0x829A: IFDRational(0, 1), 0x829D: IFDRational(0, 1), 0x8827: 0, 0x920A: IFDRational(5, 0),
        0x9204: IFDRational(0, 1),
    }  # fmt: skip
    assert facts("all", exif_data=block(camera=camera)) == {"exposure_bias": 0.0}


def test_texts_and_lists_are_bounded_and_have_no_control_characters() -> None:
    many = UTF_8 + b"".join(dataset(25, b"word %d" % number) for number in range(100))
    assert len(str(facts("all", iptc_data=many)["keywords"]).split(",")) == 64
    long = UTF_8 + dataset(120, b"\x1b[31m " + b"long " * 700)
    description = facts("all", iptc_data=long)["description"]
    assert isinstance(description, str)
    assert len(description) == 2_000
    assert description.startswith("[31m long")


def test_all_that_is_told_crosses_to_another_process() -> None:
    told = facts("all-with-gps", exif_data=exif_block(), xmp_data=XMP, iptc_data=IPTC)
    assert _IS_FACTS.decode(msgspec.json.encode(told)) == told


def sound(told: dict[str, Any]) -> None:
    """Check what holds whatever the bytes are."""
    assert _IS_FACTS.decode(msgspec.json.encode(told)) == told
    for value in told.values():
        assert not isinstance(value, float) or math.isfinite(value)
    json.dumps(told, allow_nan=False)


@given(st.sampled_from(POLICIES), st.binary(max_size=400), st.binary(max_size=400))
def test_noise_is_no_fact_and_no_crash(policy: str, some: bytes, other: bytes) -> None:
    sound(facts(policy, exif_data=some, xmp_data=other, iptc_data=some))
    sound(facts(policy, exif_data=b"Exif\0\0II*\0\x08\0\0\0" + some, iptc_data=b"\x1c\x02" + other))


@given(
    st.lists(st.tuples(st.integers(0, 1_000), st.binary(min_size=1, max_size=4)), max_size=30),
    st.sampled_from(["<", ">"]),
)
def test_a_damaged_block_is_no_crash(damage: list[tuple[int, bytes]], order: str) -> None:
    data = bytearray(exif_block(order))
    for place, value in damage:
        at = place % len(data)
        data[at : at + len(value)] = value
    sound(facts("all-with-gps", exif_data=bytes(data)))


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_any_fraction_is_finite_or_untold(top: int, bottom: int) -> None:
    data = bytearray(block(camera={0x829A: IFDRational(7_777_777, 9_999_991)}))
    found = bytes(data).find(struct.pack("<II", 7_777_777, 9_999_991))
    order = "<" if found >= 0 else ">"
    found = found if found >= 0 else bytes(data).find(struct.pack(">II", 7_777_777, 9_999_991))
    struct.pack_into(order + "II", data, found, top, bottom)
    told = facts("all", exif_data=bytes(data))
    sound(told)
    assert ("exposure_time" in told) == bool(top and bottom)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_facts_come_from_every_container(kind: str) -> None:
    data = noted(
        Image.new("RGB", (40, 30)), kind, exif=exif_block(orientation=1), xmp=XMP, iptc=IPTC
    )
    told = engine.develop(data, [], Limits(), facts="all").facts
    assert told is not None
    assert (told["make"], told["creators"]) == ("Nikon", ("Zoë & Max",))
    assert told["orientation"] == 1
    assert ("title" in told) == (kind in ("JPEG", "TIFF")), "only these hold IPTC"


def test_a_picture_without_metadata_has_little_to_tell() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30)).save(buffer, "JPEG")
    assert engine.develop(buffer.getvalue(), [], Limits(), facts="all").facts == {"orientation": 1}
    assert engine.develop(buffer.getvalue(), [], Limits(), facts="copyright").facts == {}
    assert engine.develop(buffer.getvalue(), [], Limits()).facts is None

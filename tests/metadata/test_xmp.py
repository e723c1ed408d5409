"""XMP: what each policy keeps of it, read back by another XML parser."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from safelight.metadata.xmp import kept
from tests.support.notes import (
    PLACES,
    RDF,
    XMP,
    XMP_ABOUT,
    XMP_COPYRIGHT,
    XMP_PLACE,
    properties,
    texts,
)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("copyright", XMP_COPYRIGHT), ("all", XMP_ABOUT), ("all-with-gps", XMP_ABOUT | XMP_PLACE)],
)
def test_each_policy_keeps_its_properties(policy: str, expected: set[str]) -> None:
    assert set(properties(kept(XMP, policy))) == expected


def test_values_stay_what_they_were() -> None:
    made = properties(kept(XMP, "all-with-gps"))
    assert texts(made["dc:creator"]) == ["Zoë & Max"]
    assert texts(made["dc:rights"]) == ["© Zoë", "Alle Rechte <vorbehalten>"]
    assert texts(made["xmp:Rating"]) == ["4"]
    languages = [item.attrib for item in made["dc:rights"].iter(f"{{{RDF}}}li")]
    assert [list(item.values()) for item in languages] == [["x-default"], ["de"]]
    assert made["xmpRights:WebStatement"].attrib == {f"{{{RDF}}}resource": "https://example.com/c"}
    assert list(made["Iptc4xmpCore:CreatorContactInfo"].attrib.values()) == ["zoe@example.com"]
    assert texts(made["Iptc4xmpExt:LocationShown"]) == ["Bonn", "60/1"]


@pytest.mark.parametrize("policy", ["copyright", "all"])
def test_neither_place_nor_serial_number_nor_history_are_kept(policy: str) -> None:
    made = kept(XMP, policy) or b""
    for value in (*PLACES[:-1], "2041153", "laptop", "hdrgm"):
        assert value.encode() in XMP
        assert value.encode() not in made


def test_a_place_that_hides_inside_of_something_else_is_left_out() -> None:
    hidden = (
        b"<rdf:li exif:GPSLatitude='48,8N' Iptc4xmpCore:Location='Aachen'>"
        b"<exif:GPSLongitude>11<dc:x/></exif:GPSLongitude>"
        b"<Iptc4xmpCore:Location>Aachen</Iptc4xmpCore:Location>"
    )
    made = kept(XMP.replace(b"<rdf:li>hill", hidden + b"hill"), "all") or b""
    assert texts(properties(made)["dc:subject"]) == ["hill"]
    assert b"GPS" not in made
    assert b"Aachen" not in made


def test_credits_from_elsewhere_are_told_unless_the_packet_does() -> None:
    made = properties(kept(b"", "copyright", creators=["Zoë <z>", "Max"], notices=["© \0Zoë"]))
    assert texts(made["dc:creator"]) == ["Zoë <z>", "Max"]
    assert texts(made["dc:rights"]) == ["© Zoë"]
    given = properties(kept(XMP, "copyright", creators=["Nobody"], notices=["None"]))
    assert texts(given["dc:creator"]) == ["Zoë & Max"]
    assert kept(b"", "all") is None


def test_a_real_packet_loses_its_history(data: Path) -> None:
    with Image.open(data / "robustness" / "valid" / "libavif__paris_exif_xmp_icc.jpg") as picture:
        made = kept(picture.info["xmp"], "all")
    assert texts(properties(made)["xmp:CreatorTool"]) == ["GIMP 2.10"]
    assert len(made or b"") < 800


ENTITY = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>'
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        b"not xml",
        XMP[:600],
        XMP.replace(b"</rdf:RDF>", b""),
        ENTITY + XMP[XMP.index(b"<x:") :],
        LAUGHS + XMP[XMP.index(b"<x:") :].replace(b"hill", b"&b;"),
        b'<?xml version="1.0" encoding="no-such"?>' + XMP[XMP.index(b"<x:") :],
        XMP.replace(b"hill", b"<rdf:li>" * 100 + b"</rdf:li>" * 100),
        XMP.replace(b"hill", b"<rdf:li/>" * 6_000),
        XMP + b" " * 1_000_000 + b"<!-- -->",
        b"<a/>",
    ],
)
def test_a_packet_that_is_malformed_or_huge_says_nothing(data: bytes) -> None:
    assert kept(data, "all") is None


def test_padding_after_a_packet_is_no_fault() -> None:
    assert kept(XMP + b" \n" * 500 + b"\0", "all") == kept(XMP, "all")


def test_what_is_kept_is_bounded() -> None:
    long = XMP.replace(b"hill", b"hill" * 50_000)
    made = kept(long, "all") or b""
    assert len(made) < 34_000
    assert set(properties(made)) == XMP_ABOUT - {"dc:subject"}


@given(
    st.one_of(
        st.binary(max_size=100),
        st.builds(
            lambda at, junk: XMP[:at] + junk + XMP[at + len(junk) :],
            st.integers(0, len(XMP)),
            st.one_of(st.binary(max_size=8), st.sampled_from([b"<", b">", b'"', b"</", b"&#0;"])),
        ),
    )
)
def test_any_bytes_give_a_packet_that_stays_the_same_or_none(data: bytes) -> None:
    made = kept(data, "all")
    assert made is None or (properties(made) and kept(made, "all") == made)

"""XMP: what each policy keeps of it, read back by another XML parser."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from safelight.metadata.xmp import kept

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NAMESPACES = {
    "rdf": RDF,
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
}
DECLARED = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in NAMESPACES.items())

WHOLE = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {DECLARED}>
<rdf:Description rdf:about="" xmp:Rating="4" xmp:CreatorTool="Darkroom" exif:GPSLatitude="48,8N"
 aux:SerialNumber="2041153" aux:Lens="50mm" photoshop:City="Köln" hdrgm:Version="1.0">
 <dc:creator><rdf:Seq><rdf:li>Zoë &amp; Max</rdf:li></rdf:Seq></dc:creator>
 <dc:rights><rdf:Alt><rdf:li xml:lang="x-default">© Zoë</rdf:li>
  <rdf:li xml:lang="de">Alle Rechte &lt;vorbehalten&gt;</rdf:li></rdf:Alt></dc:rights>
 <dc:subject><rdf:Bag><rdf:li>hill</rdf:li></rdf:Bag></dc:subject>
 <xmpMM:History><rdf:Seq><rdf:li>saved on zoes-laptop</rdf:li></rdf:Seq></xmpMM:History>
 <exif:GPSLongitude>11,34E</exif:GPSLongitude>
 <Iptc4xmpCore:CreatorContactInfo Iptc4xmpCore:CiEmailWork="zoe@example.com"/>
 <Iptc4xmpExt:LocationShown><rdf:Bag><rdf:li rdf:parseType="Resource">
  <Iptc4xmpExt:City>Bonn</Iptc4xmpExt:City><exif:GPSAltitude>60/1</exif:GPSAltitude>
 </rdf:li></rdf:Bag></Iptc4xmpExt:LocationShown>
</rdf:Description>
<rdf:Description rdf:about=""><xmpRights:WebStatement rdf:resource="https://example.com/c"/>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>""".encode()


def read(packet: bytes | None) -> dict[str, ET.Element]:
    """Give the properties by their prefixed names."""
    assert packet is not None
    description = ET.fromstring(packet).find(f"{{{RDF}}}RDF/{{{RDF}}}Description")
    assert description is not None
    prefixes = {namespace: prefix for prefix, namespace in NAMESPACES.items()}
    found = {}
    for child in description:
        namespace, _, name = child.tag[1:].partition("}")
        found[f"{prefixes[namespace]}:{name}"] = child
    return found


def texts(element: ET.Element) -> list[str]:
    return [part for item in element.itertext() if (part := item.strip())]


COPYRIGHT = {"dc:creator", "dc:rights", "xmpRights:WebStatement"}
ABOUT = COPYRIGHT | {"xmp:Rating", "xmp:CreatorTool", "dc:subject", "aux:Lens",
                     "Iptc4xmpCore:CreatorContactInfo"}  # fmt: skip
PLACE = {"exif:GPSLatitude", "exif:GPSLongitude", "photoshop:City", "Iptc4xmpExt:LocationShown"}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("copyright", COPYRIGHT), ("all", ABOUT), ("all-with-gps", ABOUT | PLACE)],
)
def test_each_policy_keeps_its_properties(policy: str, expected: set[str]) -> None:
    assert set(read(kept(WHOLE, policy))) == expected


def test_values_stay_what_they_were() -> None:
    made = read(kept(WHOLE, "all-with-gps"))
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
    made = kept(WHOLE, policy) or b""
    for value in ("48,8N", "11,34E", "Köln", "Bonn", "60/1", "2041153", "laptop", "hdrgm"):
        assert value.encode() in WHOLE
        assert value.encode() not in made


def test_a_place_that_hides_inside_of_something_else_is_left_out() -> None:
    hidden = b"<rdf:li exif:GPSLatitude='48,8N'><exif:GPSLongitude>11<dc:x/></exif:GPSLongitude>"
    made = kept(WHOLE.replace(b"<rdf:li>hill", hidden + b"hill"), "all") or b""
    assert texts(read(made)["dc:subject"]) == ["hill"]
    assert b"GPS" not in made


def test_credits_from_elsewhere_are_told_unless_the_packet_does() -> None:
    made = read(kept(b"", "copyright", creators=["Zoë <z>", "Max"], notices=["© \0Zoë"]))
    assert texts(made["dc:creator"]) == ["Zoë <z>", "Max"]
    assert texts(made["dc:rights"]) == ["© Zoë"]
    given = read(kept(WHOLE, "copyright", creators=["Nobody"], notices=["None"]))
    assert texts(given["dc:creator"]) == ["Zoë & Max"]
    assert kept(b"", "all") is None


def test_a_real_packet_loses_its_history(data: Path) -> None:
    with Image.open(data / "robustness" / "valid" / "libavif__paris_exif_xmp_icc.jpg") as picture:
        made = kept(picture.info["xmp"], "all")
    assert texts(read(made)["xmp:CreatorTool"]) == ["GIMP 2.10"]
    assert len(made or b"") < 800


ENTITY = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>'
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        b"not xml",
        WHOLE[:600],
        WHOLE.replace(b"</rdf:RDF>", b""),
        ENTITY + WHOLE[WHOLE.index(b"<x:") :],
        LAUGHS + WHOLE[WHOLE.index(b"<x:") :].replace(b"hill", b"&b;"),
        b'<?xml version="1.0" encoding="no-such"?>' + WHOLE[WHOLE.index(b"<x:") :],
        WHOLE.replace(b"hill", b"<rdf:li>" * 100 + b"</rdf:li>" * 100),
        WHOLE.replace(b"hill", b"<rdf:li/>" * 6_000),
        WHOLE + b" " * 1_000_000 + b"<!-- -->",
        b"<a/>",
    ],
)
def test_a_packet_that_is_malformed_or_huge_says_nothing(data: bytes) -> None:
    assert kept(data, "all") is None


def test_padding_after_a_packet_is_no_fault() -> None:
    assert kept(WHOLE + b" \n" * 500 + b"\0", "all") == kept(WHOLE, "all")


def test_what_is_kept_is_bounded() -> None:
    long = WHOLE.replace(b"hill", b"hill" * 50_000)
    made = kept(long, "all") or b""
    assert len(made) < 34_000
    assert set(read(made)) == ABOUT - {"dc:subject"}


@given(
    st.one_of(
        st.binary(max_size=100),
        st.builds(
            lambda at, junk: WHOLE[:at] + junk + WHOLE[at + len(junk) :],
            st.integers(0, len(WHOLE)),
            st.one_of(st.binary(max_size=8), st.sampled_from([b"<", b">", b'"', b"</", b"&#0;"])),
        ),
    )
)
def test_any_bytes_give_a_packet_that_stays_the_same_or_none(data: bytes) -> None:
    made = kept(data, "all")
    assert made is None or (read(made) and kept(made, "all") == made)

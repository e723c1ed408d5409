"""Sample metadata of every kind, with what must never be passed on, and files that hold it."""

from __future__ import annotations

import io
import struct
from xml.etree import ElementTree as ET

from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin
from PIL.TiffImagePlugin import IFDRational

CAMERA, POSITION = ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo
ARTIST, COPYRIGHT, MAKE, TIME = 0x013B, 0x8298, 0x010F, 0x0132
NOON = "2024:05:06 12:00:00"

# EXIF: who and what, how it was taken, where, and what identifies a camera or its owner.
WHO = {ARTIST: "Zoë", COPYRIGHT: "© 2024 Zoë"}
ABOUT = WHO | {MAKE: "Nikon", TIME: NOON}
TAKEN = {0x829D: IFDRational(28, 10), 0x9003: NOON, 0x8827: 400, 0xA434: "50mm f/1.4"}
PLACE = {1: "N", 2: (48.0, 8.0, 12.5), 3: "E", 4: (11.0, 34.0, 0.25), 29: "2024:05:06"}
_TELLING = {
    0x927C: b"Nikon\0\2\x10notes",
    0xA420: "0123456789abcdef",
    0xA430: "A. Owner",
    0xA431: "2041153",
    0xA435: "10073",
    0xA002: 4_000,
}
# Parts of all three that no policy passes on.
NEVER = (
    b"Nikon\0\2", b"0123456789abcdef", b"A. Owner", b"2041153", b"10073", b"laptop", b"preview",
)  # fmt: skip
# Parts of them that are passed on only with the place.
PLACES = ("48,8N", "11,34E", "Köln", "Bonn", "60/1", "Germany")


def exif_block(order: str = "<", *, orientation: int = 6) -> bytes:
    """Make a block of EXIF with all of it."""
    made = Image.Exif()
    made.endian = order
    made[0x013C], made[0xC62F] = "zoes-laptop", "2041153"
    if orientation:
        made[0x0112] = orientation
    for tag, value in ABOUT.items():
        # Bytes: a str would be squeezed into ASCII.
        made[tag] = value.encode()
    made.get_ifd(CAMERA).update(_TELLING | TAKEN)
    made.get_ifd(POSITION).update(PLACE)
    return made.tobytes()


def as_latin_1(value: str) -> str:
    """Say how Pillow reads a text: always as Latin-1."""
    return value.encode().decode("latin-1")


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
_DECLARED = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in NAMESPACES.items())

XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {_DECLARED}>
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

XMP_COPYRIGHT = {"dc:creator", "dc:rights", "xmpRights:WebStatement"}
XMP_ABOUT = XMP_COPYRIGHT | {
    "xmp:Rating", "xmp:CreatorTool", "dc:subject", "aux:Lens", "Iptc4xmpCore:CreatorContactInfo",
}  # fmt: skip
XMP_PLACE = {
    "exif:GPSLatitude", "exif:GPSLongitude", "photoshop:City", "Iptc4xmpExt:LocationShown",
}  # fmt: skip


def properties(packet: bytes | None) -> dict[str, ET.Element]:
    """Give the properties of a packet by their prefixed names."""
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
    """Give the texts inside of an element."""
    return [part for item in element.itertext() if (part := item.strip())]


def dataset(number: int, value: bytes, record: int = 2) -> bytes:
    """Make one record of IPTC."""
    return struct.pack(">BBBH", 0x1C, record, number, len(value)) + value


UTF_8 = dataset(90, b"\x1b%G", record=1)
CREDITS = dataset(80, "Zoë".encode()) + dataset(116, "© Zoë".encode())
CAPTIONS = dataset(5, b"A hill") + dataset(25, b"hill") + dataset(25, b"green")
PLACE_NAMES = dataset(90, "Köln".encode()) + dataset(101, b"Germany")
IPTC = UTF_8 + CAPTIONS + PLACE_NAMES + CREDITS + dataset(202, b"\xff\xd8\xff preview")


def photoshop(records: bytes) -> bytes:
    """Wrap IPTC as a JPEG holds it."""
    head = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(records))
    return head + records + bytes(len(records) % 2)


def noted(
    picture: Image.Image, kind: str, *, exif: bytes = b"", xmp: bytes = b"", iptc: bytes = b""
) -> bytes:
    """Write a JPEG, PNG, WEBP, AVIF or TIFF with metadata; IPTC is only in JPEG and TIFF."""
    buffer = io.BytesIO()
    if kind == "JPEG":
        picture.save(buffer, kind, quality=90, exif=exif, xmp=xmp)
        plain = buffer.getvalue()
        body = photoshop(iptc)
        return (
            plain[:2]
            + (struct.pack(">BBH", 0xFF, 0xED, len(body) + 2) + body if iptc else b"")
            + plain[2:]
        )
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        if xmp:
            info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        picture.save(buffer, kind, exif=exif, pnginfo=info)
    elif kind == "TIFF":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        if exif:
            block = Image.Exif()
            block.load(exif)
            for tag in {ARTIST, COPYRIGHT, MAKE, TIME, 0x013C, 0x0112} & set(block):
                text = isinstance(block[tag], str)
                tags[tag] = block[tag].encode("latin-1") if text else block[tag]
        if xmp:
            tags[700] = xmp
        if iptc:
            tags.tagtype[33723] = 7
            tags[33723] = iptc
        picture.save(buffer, kind, tiffinfo=tags)
    else:
        picture.save(buffer, kind, quality=90, exif=exif, xmp=xmp)
    return buffer.getvalue()

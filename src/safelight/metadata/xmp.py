"""XMP: what programs write about a picture, as RDF in XML.

Form: ISO 16684-1:2019 (XMP part 1) §7. Names: the same §8, XMP part 2 of Adobe, the IPTC Photo
Metadata Standard 2023, PLUS 2.0 and Creative Commons's ccREL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from safelight.metadata import MAX_READ, MAX_WRITTEN

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XML = "http://www.w3.org/XML/1998/namespace"
_DC = "http://purl.org/dc/elements/1.1/"
_MAX_DEPTH, _MAX_ELEMENTS = 64, 5_000

# Each namespace that may occur, with its usual prefix.
_PREFIXES = {
    _RDF: "rdf",
    _XML: "xml",
    _DC: "dc",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.useplus.org/ldf/xmp/1.0/": "plus",
    "http://creativecommons.org/ns#": "cc",
}
# Whose names may occur inside of a property: lists, languages, addresses, licensors.
_INNER = {"rdf", "xml", "Iptc4xmpCore", "plus"}


def _names(**listed: str) -> set[str]:
    return {f"{prefix}:{name}" for prefix, names in listed.items() for name in names.split()}


_COPYRIGHT = _names(
    dc="creator rights",
    xmpRights="Certificate Marked Owner UsageTerms WebStatement",
    photoshop="Credit",
    plus="CopyrightOwner ImageCreator Licensor",
    cc="attributionName attributionURL license",
)
_ABOUT = _COPYRIGHT | _names(
    dc="contributor coverage date description identifier language publisher relation source subject"
    " title type",
    xmp="BaseURL CreateDate CreatorTool Label MetadataDate ModifyDate Nickname Rating",
    photoshop="AuthorsPosition CaptionWriter Category DateCreated Headline Instructions Source"
    " SupplementalCategories TransmissionReference Urgency",
    tiff="Artist Copyright DateTime ImageDescription Make Model Software",
    exif="ApertureValue BrightnessValue Contrast CustomRendered DateTimeDigitized DateTimeOriginal"
    " DigitalZoomRatio ExposureBiasValue ExposureMode ExposureProgram ExposureTime FNumber Flash"
    " FocalLength FocalLengthIn35mmFilm GainControl ISOSpeedRatings LightSource MaxApertureValue"
    " MeteringMode Saturation SceneCaptureType SceneType SensingMethod Sharpness ShutterSpeedValue"
    " SubjectDistance SubjectDistanceRange UserComment WhiteBalance",
    exifEX="LensMake LensModel LensSpecification PhotographicSensitivity SensitivityType",
    aux="Lens LensInfo",
    Iptc4xmpCore="AltTextAccessibility CreatorContactInfo ExtDescrAccessibility IntellectualGenre"
    " Scene SubjectCode",
    Iptc4xmpExt="DigitalSourceType Event",
    plus="ImageSupplier ImageSupplierImageID LicensorImageID ModelReleaseStatus"
    " PropertyReleaseStatus DataMining",
)
_PLACE = _names(
    exif="GPSAltitude GPSAltitudeRef GPSAreaInformation GPSDOP GPSDateStamp GPSDestBearing"
    " GPSDestBearingRef GPSDestDistance GPSDestDistanceRef GPSDestLatitude GPSDestLongitude"
    " GPSDifferential GPSHPositioningError GPSImgDirection GPSImgDirectionRef GPSLatitude"
    " GPSLongitude GPSMapDatum GPSMeasureMode GPSProcessingMethod GPSSatellites GPSSpeed"
    " GPSSpeedRef GPSStatus GPSTimeStamp GPSTrack GPSTrackRef GPSVersionID",
    photoshop="City Country State",
    Iptc4xmpCore="CountryCode Location",
    Iptc4xmpExt="City CountryCode CountryName LocationCreated LocationId LocationName LocationShown"
    " ProvinceState Sublocation WorldRegion",
)
_ESCAPES = {ord(letter): f"&#{ord(letter)};" for letter in '&<>"\r\n\t'}


def kept(
    data: bytes, policy: str, *, creators: Iterable[str] = (), notices: Iterable[str] = ()
) -> bytes | None:
    """Write a fresh packet with the properties that a policy keeps.

    ``data``: a packet. ``creators`` and ``notices`` (of copyright) come from elsewhere and are
    told unless the packet tells them itself. Returns None when nothing is left.
    """
    known = _COPYRIGHT if policy == "copyright" else _ABOUT
    if policy == "all-with-gps":
        known = known | _PLACE
    properties = _properties(data, known)
    for name, container, texts in (
        ("dc:creator", "Seq", list(creators)),
        ("dc:rights", "Alt", list(notices)),
    ):
        if texts and name not in properties:
            properties[name] = _listed(name, container, texts)
    return packet(properties) if properties else None


def packet(properties: Mapping[str, str]) -> bytes:
    """Write properties, each of them XML already, as a packet; what does not fit is left out."""
    body, room = "", MAX_WRITTEN
    for text in properties.values():
        size = len(text.encode())
        if size <= room:
            body, room = body + text, room - size
    used = "".join(
        f' xmlns:{prefix}="{namespace}"'
        for namespace, prefix in _PREFIXES.items()
        if prefix == "rdf" or (prefix != "xml" and f"{prefix}:" in body)
    )
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF{used}><rdf:Description rdf:about="">'
        f"{body}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def namespace(prefix: str) -> str:
    """Give the namespace that usually has a prefix."""
    return next(name for name, usual in _PREFIXES.items() if usual == prefix)


def values(data: bytes, namespace: str) -> dict[str, list[str]]:
    """Read the texts of the properties of a namespace: one, or those of a list.

    ``data``: a packet; a malformed or huge one has none.
    """
    reader = _Texts(namespace)
    return reader.found if _parsed(data, reader) else {}


def _listed(name: str, container: str, texts: list[str]) -> str:
    language = ' xml:lang="x-default"' if container == "Alt" else ""
    items = "".join(f"<rdf:li{language}>{_escaped(text)}</rdf:li>" for text in texts)
    return f"<{name}><rdf:{container}>{items}</rdf:{container}></{name}>"


def _escaped(text: str) -> str:
    """Write a text so that it stands in XML, without what XML cannot hold."""
    return "".join(c for c in text if c.isprintable() or c in "\r\n\t").translate(_ESCAPES)


def _properties(data: bytes, known: set[str]) -> dict[str, str]:
    """Read the properties that are known, each written as XML; none of a malformed packet."""
    reader = _Properties(known)
    return reader.found if _parsed(data, reader) else {}


class _Reader:
    """Hear what is in a packet, within bounds."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self._elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > _MAX_ELEMENTS or len(self.open) >= _MAX_DEPTH:
            raise ValueError("too many elements, or too deep")
        self.begun(name, attributes)
        self.open.append(name)

    def end(self, _name: str) -> None:
        self.ended(self.open.pop())

    def begun(self, name: str, attributes: dict[str, str]) -> None:
        """Hear of an element, before it counts as open."""

    def ended(self, name: str) -> None:
        """Hear of its end, when it is not open any more."""

    def text(self, text: str) -> None:
        """Hear of text inside of the innermost element."""


def _parsed(data: bytes, reader: _Reader) -> bool:
    """Read a packet to a reader; tell whether it is whole."""
    if len(data) > MAX_READ:
        return False
    from xml.parsers import expat

    # A newline can be in a name only as a character reference in a namespace: expat refuses that.
    parser = expat.ParserCreate(namespace_separator="\n")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(data.rstrip(b"\0 \r\n\t"), True)
    except (expat.ExpatError, ValueError, LookupError):
        return False
    return True


def _refuse(*_: object) -> None:
    raise ValueError("a packet has no document type: only entities would need one")


class _Properties(_Reader):
    """Write again what is known of a packet, property by property."""

    def __init__(self, known: set[str]) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._known = known
        self._skipped = 0
        self._property = ""

    def begun(self, name: str, attributes: dict[str, str]) -> None:
        name = _prefixed(name)
        given = {_prefixed(key): value for key, value in attributes.items()}
        within = [_prefixed(outer) for outer in self.open[-2:]]
        if self._property:
            self._inner(name, given)
        elif within[-1:] == ["rdf:RDF"] and name == "rdf:Description":
            for key, value in given.items():
                if key in self._known:
                    self.found.setdefault(key, f"<{key}>{_escaped(value)}</{key}>")
        elif within == ["rdf:RDF", "rdf:Description"] and name in self._known - self.found.keys():
            self._property, self._depth = name, len(self.open)
            self.found[name] = _tag(name, self._allowed(given))

    def ended(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
        elif self._property:
            self.found[self._property] += f"</{_prefixed(name)}>"
            if len(self.open) == self._depth:
                self._property = ""

    def text(self, text: str) -> None:
        if self._property and not self._skipped:
            self.found[self._property] += _escaped(text)

    def _inner(self, name: str, attributes: dict[str, str]) -> None:
        if self._skipped or not self._may_be_inside(name):
            self._skipped += 1
        else:
            self.found[self._property] += _tag(name, self._allowed(attributes))

    def _allowed(self, attributes: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in attributes.items() if self._may_be_inside(name)}

    def _may_be_inside(self, name: str) -> bool:
        return name in self._known or (name.partition(":")[0] in _INNER and name not in _PLACE)


class _Texts(_Reader):
    """Gather the texts of one namespace's properties."""

    def __init__(self, namespace: str) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._namespace = namespace
        self._texts: list[str] | None = None

    def begun(self, name: str, attributes: dict[str, str]) -> None:
        for key, value in attributes.items():
            namespace, _, local = key.rpartition("\n")
            if namespace == self._namespace:
                self.found[local] = [value]
        namespace, _, local = name.rpartition("\n")
        if namespace == self._namespace:
            self._texts = self.found[local] = []
        if self._texts is not None:
            self._texts.append("")

    def ended(self, name: str) -> None:
        if self._texts is not None and name.rpartition("\n")[0] == self._namespace:
            self._texts[:] = [text.strip() for text in self._texts if text.strip()]
            self._texts = None

    def text(self, text: str) -> None:
        if self._texts:
            self._texts[-1] += text


def _prefixed(name: str) -> str:
    """Write a name with its usual prefix; "" for one of an unknown namespace."""
    namespace, _, local = name.rpartition("\n")
    return f"{_PREFIXES[namespace]}:{local}" if namespace in _PREFIXES else ""


def _tag(name: str, attributes: Mapping[str, str]) -> str:
    pairs = "".join(f' {key}="{_escaped(value)}"' for key, value in attributes.items())
    return f"<{name}{pairs}>"

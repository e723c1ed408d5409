"""What is known of a picture: of a source before it is decoded, of an output once it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from safelight.errors import SafelightError
from safelight.transform import Transform

# So many outputs of one source may be wanted at once.
MAX_WISHES = 64

# A process that has decoded a stranger's file says these, and a page may take them as they are.
_Colour: TypeAlias = Annotated[str, Meta(pattern=r"^#[0-9a-f]{6}\Z")]
_BlurHash: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9A-Za-z#$%*+,.:;=?@[\]^_{|}~-]{28}\Z")]
_ThumbHash: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9A-Za-z+/]{22,36}={0,2}\Z")]
_Preview: TypeAlias = Annotated[
    str, Meta(pattern=r"^data:image/webp;base64,[0-9A-Za-z+/]{1,400}={0,2}\Z")
]
_PerceptualHash: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
_FactText: TypeAlias = Annotated[str, Meta(max_length=2_000)]

# What is told of a source's EXIF, IPTC and XMP: plain values by plain names.
Fact: TypeAlias = (
    _FactText
    | Annotated[int, Meta(ge=-(10**12), le=10**12)]
    | Annotated[float, Meta(ge=-1e12, le=1e12)]
    | Annotated[tuple[_FactText, ...], Meta(max_length=64)]
)
Facts: TypeAlias = Mapping[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")], Fact]


# What can be written in passes, or hold such a file.
_IN_PASSES = ("jpeg", "png", "ico", "raw")


class Header(msgspec.Struct, frozen=True):
    """What is known of a source before it is decoded.

    ``width`` and ``height`` are as stored, in px; ``orientation`` is EXIF's, 1 to 8. ``depth`` is
    in bytes per value. ``buffered`` says that decoding holds the whole picture in memory
    (progressive JPEG, interlaced PNG, HEIC), ``coefficients`` the bytes per pixel that it needs
    then. ``vector``: drawn at any size without loss. ``delays`` are those of an animation's frames,
    in ms; ``loop`` is how often it runs, 0 for ever.
    """

    format: str
    width: int
    height: int
    bands: int
    depth: int
    pages: int
    orientation: int
    alpha: bool
    palette: bool
    space: str
    profile: str | None
    buffered: bool
    coefficients: float
    scans: int
    vector: bool = False
    delays: tuple[int, ...] = ()
    loop: int = 0

    @property
    def shown(self) -> tuple[int, int]:
        """The size in px as a viewer sees it, after orientation."""
        sides = (self.width, self.height)
        return (sides[1], sides[0]) if self.orientation >= 5 else sides

    @property
    def progressive(self) -> bool:
        """Whether it was written in several passes; some formats are decoded whole always."""
        return self.buffered and self.format in _IN_PASSES


class Rendering(msgspec.Struct, frozen=True):
    """An encoded picture: bytes, MIME type, size and the source's size as shown, in px; times."""

    data: bytes
    mime: str
    width: int
    height: int
    source_width: int
    source_height: int
    decode_ms: float
    encode_ms: float


class Swatch(msgspec.Struct, frozen=True):
    """One colour of a palette, as ``#rrggbb``, and the share of the picture that it stands for."""

    color: _Colour
    share: float


class Analysis(msgspec.Struct, frozen=True):
    """What a picture looks like, in little.

    ``blurhash`` is text, ``thumbhash`` base64, ``preview`` a ``data:`` address of a tiny picture.
    ``colors`` is its palette, the commonest first, which is ``dominant``; a picture of nothing but
    transparency has none. ``phash`` is 16 hexadecimal digits. ``transparent``: there is something
    to be seen through; ``drawn``: it has the few shades of a drawing, not those of a photograph.
    """

    blurhash: _BlurHash
    thumbhash: _ThumbHash
    preview: _Preview
    dominant: _Colour | None
    colors: Annotated[tuple[Swatch, ...], Meta(max_length=6)]
    phash: _PerceptualHash
    transparent: bool
    drawn: bool


class Wish(msgspec.Struct, frozen=True):
    """An output that is wanted of a source, and who waits for it.

    ``profile`` is one of ``costs.PROFILES``: "request" for the very bytes that a request would get,
    "upload" where nobody waits, and where outputs may be made from one another.
    """

    transform: Transform
    profile: str = "request"


class Developed(msgspec.Struct, frozen=True):
    """What was made of a source at once.

    ``renderings`` are in the order of the wishes; in the place of one that cannot be stands its
    fault. ``analysis`` and ``facts`` are None unless they were asked for. ``decodes``: how often
    the source's pixels were decoded for all of it.
    """

    header: Header
    renderings: tuple[Rendering | SafelightError, ...]
    analysis: Analysis | None = None
    facts: Facts | None = None
    decodes: int = 0

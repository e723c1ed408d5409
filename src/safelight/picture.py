"""What is known of a picture: of a source before it is decoded, of an output once it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from msgspec import Meta

# A process that has decoded a stranger's file says these, and a page may take them as they are.
_Colour: TypeAlias = Annotated[str, Meta(pattern=r"^#[0-9a-f]{6}\Z")]
_BlurHash: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9A-Za-z#$%*+,.:;=?@[\]^_{|}~-]{28}\Z")]
_ThumbHash: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9A-Za-z+/]{22,36}={0,2}\Z")]
_Preview: TypeAlias = Annotated[
    str, Meta(pattern=r"^data:image/webp;base64,[0-9A-Za-z+/]{1,400}={0,2}\Z")
]
_PerceptualHash: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]


# What can be written in passes, or hold such a file.
_IN_PASSES = ("jpeg", "png", "ico", "raw")


@dataclass(frozen=True, slots=True)
class Header:
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


@dataclass(frozen=True, slots=True)
class Rendering:
    """An encoded picture: bytes, MIME type, size and the source's size as shown, in px; times."""

    data: bytes
    mime: str
    width: int
    height: int
    source_width: int
    source_height: int
    decode_ms: float
    encode_ms: float


@dataclass(frozen=True, slots=True)
class Swatch:
    """One colour of a palette, as ``#rrggbb``, and the share of the picture that it stands for."""

    color: _Colour
    share: float


@dataclass(frozen=True, slots=True)
class Analysis:
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

"""What is known of a picture: of a source before it is decoded, of an output once it is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of a source before it is decoded.

    ``width`` and ``height`` are as stored, in px; ``orientation`` is EXIF's, 1 to 8. ``depth`` is
    in bytes per value. ``buffered`` says that decoding holds the whole picture in memory
    (progressive JPEG, interlaced PNG), ``coefficients`` the bytes per pixel that it then needs.
    ``vector``: drawn at any size without loss. ``delays`` are those of an animation's frames, in
    ms; ``loop`` is how often it runs, 0 for ever.
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

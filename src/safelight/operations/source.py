"""How the source is opened."""

from typing import Annotated

from msgspec.structs import replace

from safelight.metadata import POLICIES
from safelight.operations.reading import Reading
from safelight.operations.registry import Stage, operation
from safelight.params import Enum, Int


@operation(Stage.SOURCE, cost=0.0, example="page=2,w=300")
def page(reading: Reading, *, page: Annotated[int, Int(1, 100_000)] = 1) -> Reading:
    """Take a page of a document, or start an animation at one of its frames; the first is 1."""
    return replace(reading, page=page)


@operation(Stage.SOURCE, cost=0.0, example="frames=1,w=300")
def frames(reading: Reading, *, frames: Annotated[int | None, Int(1, 100_000)] = None) -> Reading:
    """Keep so many frames of an animation; 1 makes a still picture of it."""
    return replace(reading, frames=frames)


@operation(Stage.SOURCE, cost=0.0, example="orient=none,w=300")
def orient(reading: Reading, *, orient: Annotated[str, Enum(("auto", "none"))] = "auto") -> Reading:
    """Turn the picture as its EXIF orientation says, or leave it as it is stored."""
    return replace(reading, orient=orient == "auto")


@operation(Stage.SOURCE, cost=0.5, example="profile=p3,w=300")
def profile(
    reading: Reading,
    *,
    profile: Annotated[str, Enum(("srgb", "p3"), synonyms=(("display-p3", "p3"),))] = "srgb",
) -> Reading:
    """Convert colours to sRGB, or to Display P3 where the source has more than sRGB can show."""
    return replace(reading, profile=profile)


@operation(Stage.SOURCE, cost=0.5, example="depth=16,w=300,format=png")
def depth(
    reading: Reading, *, depth: Annotated[str, Enum(("8", "10", "12", "16"))] = "8"
) -> Reading:
    """Keep more than 8 bits a value where the source has them, and the output can: AVIF, PNG, TIFF.

    An AVIF has 10 or 12 then, PNG and TIFF have 16.
    """
    return replace(reading, depth=int(depth))


@operation(Stage.SOURCE, cost=0.3, example="hdr=keep,w=300,format=jpeg")
def hdr(
    reading: Reading, *, hdr: Annotated[str, Enum(("none", "keep"), bare="keep")] = "none"
) -> Reading:
    """Keep the gain map of an Ultra HDR JPEG, where a JPEG is made that differs in geometry only.

    Any other picture is of the standard range.
    """
    return replace(reading, hdr=hdr == "keep")


@operation(Stage.SOURCE, cost=0.0, example="metadata=copyright,w=300")
def metadata(reading: Reading, *, metadata: Annotated[str, Enum(POLICIES)] = "none") -> Reading:
    """Keep who made the picture, or all that EXIF, XMP and IPTC say; the place only when said so.

    ``all`` has neither thumbnails nor serial numbers nor notes of the camera's maker.
    """
    return replace(reading, metadata=metadata)

"""Metadata on its way from a source to an output: nothing but what was asked for, written afresh.

Between the two it travels with the image in fields of its own: neither what else the source says
nor what a picture that is laid over it brings along comes to an encoder.
"""

from __future__ import annotations

from typing import cast

import pyvips
from pyvips.enums import ForeignKeep

from safelight.metadata import exif
from safelight.operations.frame import Image

# libvips's fields, and ours.
EXIF, XMP, IPTC, _PROFILE = "exif-data", "xmp-data", "iptc-data", "icc-profile-data"
_CHOSEN = {EXIF: "safelight-exif", XMP: "safelight-xmp", IPTC: "safelight-iptc"}
_KEEP = {EXIF: ForeignKeep.EXIF, XMP: ForeignKeep.XMP, IPTC: ForeignKeep.IPTC}
_FOREIGN = ("exif-", XMP, IPTC, "ipct-data", "photoshop-data", "jpeg-thumbnail-data",
            "png-comment-", "image-description", "magick")  # fmt: skip
# In px a millimetre: 72 to the inch stand for an unknown resolution (CIPA DC-008 §4.6).
_UNKNOWN = 72 / 25.4
# What each container can hold and libvips can write: of the IPTC in a TIFF it writes a quarter.
_HOLDS = {
    "jpeg": {EXIF, XMP, IPTC, _PROFILE},
    "png": {EXIF, XMP, _PROFILE},
    "webp": {EXIF, XMP, _PROFILE},
    "avif": {EXIF, XMP, _PROFILE},
    "tiff": {XMP, _PROFILE},
}


def chosen(image: Image, policy: str, *, tiff: bytes = b"") -> Image:
    """Note what a policy keeps of a source's metadata.

    ``tiff``: the whole file, if it is a TIFF: its tags are EXIF's.
    """
    if policy == "none":
        return image
    from safelight.metadata import iptc, xmp

    noted = cast("pyvips.Image", image).copy()
    for field, block in (
        (EXIF, exif.kept(tiff or blob(noted, EXIF), policy)),
        (XMP, xmp.kept(blob(noted, XMP), policy)),
        (IPTC, iptc.kept(blob(noted, IPTC), policy)),
    ):
        if block is not None:
            noted.set_type(pyvips.GValue.blob_type, _CHOSEN[field], block)
    return cast("Image", noted)


def written(image: pyvips.Image, format: str) -> tuple[pyvips.Image, int]:
    """Give what was noted to the encoder of a format; tell, too, what that shall keep.

    The picture is upright: an orientation is never passed on.
    """
    image = image.copy()
    holds = _HOLDS.get(format, set())
    blocks = {field: blob(image, name) for field, name in _CHOSEN.items()}
    foreign = ("orientation", *(_FOREIGN if any(blocks.values()) else ()))
    for field in [field for field in image.get_fields() if field.startswith(foreign)]:
        image.remove(field)
    blocks[XMP] = _credited(blocks, holds)
    if blocks[IPTC]:
        from safelight.metadata import iptc

        blocks[IPTC] = iptc.resource(blocks[IPTC])
    keep = ForeignKeep.ICC if _PROFILE in holds else ForeignKeep.NONE
    for field in holds & blocks.keys():
        if blocks[field]:
            image.set_type(pyvips.GValue.blob_type, field, blocks[field])
            keep |= _KEEP[field]
    if keep & ForeignKeep.EXIF:
        image = image.copy(xres=_UNKNOWN, yres=_UNKNOWN)
    return image, keep


def _credited(blocks: dict[str, bytes], holds: set[str]) -> bytes:
    """Say in XMP who made the picture, where the container cannot hold what said so."""
    if not blocks[EXIF] and not blocks[IPTC]:
        return blocks[XMP]
    from safelight.metadata import iptc, xmp

    creators, notices = list[str](), list[str]()
    if EXIF not in holds:
        creators += exif.texts(blocks[EXIF], exif.ARTIST)
        notices += exif.texts(blocks[EXIF], exif.COPYRIGHT)
    if IPTC not in holds:
        creators += iptc.texts(blocks[IPTC], iptc.BY_LINE)
        notices += iptc.texts(blocks[IPTC], iptc.NOTICE)
    if not creators and not notices:
        return blocks[XMP]
    # What is there has been chosen already: all of it stays.
    return xmp.kept(blocks[XMP], "all-with-gps", creators=creators, notices=notices) or b""


def blob(image: pyvips.Image, field: str) -> bytes:
    """Give a block of metadata as a picture has it; none is empty."""
    return cast("bytes", image.get(field)) if image.get_typeof(field) else b""

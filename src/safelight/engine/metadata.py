"""Metadata on its way from a source to an output: nothing but what was asked for, written afresh.

Between the two it travels with the image in fields of its own: neither what else the source says
nor what a picture that is laid over it brings along comes to an encoder.
"""

from __future__ import annotations

from typing import cast

import pyvips
from pyvips.enums import ForeignKeep

from safelight.metadata import exif, iptc, xmp
from safelight.operations.frame import Image

# libvips's fields, and ours.
_EXIF, _XMP, _IPTC, _PROFILE = "exif-data", "xmp-data", "iptc-data", "icc-profile-data"
_CHOSEN = {_EXIF: "safelight-exif", _XMP: "safelight-xmp", _IPTC: "safelight-iptc"}
_KEEP = {_EXIF: ForeignKeep.EXIF, _XMP: ForeignKeep.XMP, _IPTC: ForeignKeep.IPTC}
_FOREIGN = ("exif-", _XMP, _IPTC, "ipct-data", "photoshop-data", "jpeg-thumbnail-data",
            "png-comment-", "image-description", "magick")  # fmt: skip
# In px a millimetre: 72 to the inch stand for an unknown resolution (CIPA DC-008 §4.6).
_UNKNOWN = 72 / 25.4
# What each container can hold and libvips can write: of the IPTC in a TIFF it writes a quarter.
_HOLDS = {
    "jpeg": {_EXIF, _XMP, _IPTC, _PROFILE},
    "png": {_EXIF, _XMP, _PROFILE},
    "webp": {_EXIF, _XMP, _PROFILE},
    "avif": {_EXIF, _XMP, _PROFILE},
    "tiff": {_XMP, _PROFILE},
}


def chosen(image: Image, policy: str, *, tiff: bytes = b"") -> Image:
    """Note what a policy keeps of a source's metadata.

    ``tiff``: the whole file, if it is a TIFF: its tags are EXIF's.
    """
    if policy == "none":
        return image
    noted = cast("pyvips.Image", image).copy()
    for field, block in (
        (_EXIF, exif.kept(tiff or _blob(noted, _EXIF), policy)),
        (_XMP, xmp.kept(_blob(noted, _XMP), policy)),
        (_IPTC, iptc.kept(_blob(noted, _IPTC), policy)),
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
    blocks = {field: _blob(image, name) for field, name in _CHOSEN.items()}
    foreign = ("orientation", *(_FOREIGN if any(blocks.values()) else ()))
    for field in [field for field in image.get_fields() if field.startswith(foreign)]:
        image.remove(field)
    blocks[_XMP] = _credited(blocks, holds)
    if blocks[_IPTC]:
        blocks[_IPTC] = iptc.resource(blocks[_IPTC])
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
    creators, notices = list[str](), list[str]()
    if _EXIF not in holds:
        creators += exif.texts(blocks[_EXIF], exif.ARTIST)
        notices += exif.texts(blocks[_EXIF], exif.COPYRIGHT)
    if _IPTC not in holds:
        creators += iptc.texts(blocks[_IPTC], iptc.BY_LINE)
        notices += iptc.texts(blocks[_IPTC], iptc.NOTICE)
    if not creators and not notices:
        return blocks[_XMP]
    # What is there has been chosen already: all of it stays.
    return xmp.kept(blocks[_XMP], "all-with-gps", creators=creators, notices=notices) or b""


def _blob(image: pyvips.Image, field: str) -> bytes:
    return cast("bytes", image.get(field)) if image.get_typeof(field) else b""

"""A gain map on its way through a transform, beside the picture that it brightens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pyvips
from msgspec.structs import replace

from safelight import gainmap, icc
from safelight.engine.colour import embedded
from safelight.engine.source import probe
from safelight.errors import SourceDamaged, UnsupportedFormat
from safelight.gainmap import GainMap
from safelight.limits import Limits
from safelight.operations import Stage
from safelight.operations.frame import Frame, Image
from safelight.params import half_up
from safelight.picture import Header
from safelight.transform import Transform

# What it can follow: each moves pixels, and changes none.
_GEOMETRY = {"aspect", "bg", "crop", "flip", "gravity", "resize", "rotate"}
# As good as cameras write it: a fault in a gain is seen as one in brightness.
_QUALITY = 85


def kept(
    encoded: bytes, data: bytes, frame: Frame, header: Header, transform: Transform, limits: Limits
) -> bytes:
    """Write the source's gain map into an encoded JPEG, or leave that as it is.

    ``data``: the source; ``frame``: what was encoded. It is left without when the source has none,
    or one that would not be right for this picture. Raises SourceTooLarge.
    """
    found = gainmap.find(data) if _moves_only(transform) else None
    if found is None:
        return encoded
    try:
        if not _same_colours(data, found, frame.reading.profile):
            return encoded
        follower = _followed(found, frame, header, transform, limits)
        small = follower.jpegsave_buffer(
            Q=_QUALITY, optimize_coding=True, subsample_mode="off", keep="none"
        )
    except (SourceDamaged, UnsupportedFormat, pyvips.Error):
        # What is shown without it is whole.
        return encoded
    return gainmap.attach(encoded, replace(found, picture=small))


def _moves_only(transform: Transform) -> bool:
    return all(
        operation.stage in (Stage.SOURCE, Stage.OUTPUT)
        or (operation.name in _GEOMETRY and not _pads(arguments))
        for operation, arguments in transform.steps()
    )


def _pads(arguments: Mapping[str, Any]) -> bool:
    """Tell whether something may be shown that was not in the picture: it has no gain."""
    return arguments.get("fit") == "contain" or arguments.get("rotate", 0) % 90 != 0


def _same_colours(data: bytes, found: GainMap, profile: str) -> bool:
    """Tell whether gains of single colours still mean what they meant in the source's own space.

    One gain for all three is the same in any space that has the same white.
    """
    picture = pyvips.Image.jpegload_buffer(found.picture)
    if picture.bands == 1 and len(found.channels) == 1:
        return True
    own = embedded(pyvips.Image.jpegload_buffer(data))
    return found.own_space and (own is None or icc.space(own) in ("srgb", profile))


def _followed(
    found: GainMap, frame: Frame, header: Header, transform: Transform, limits: Limits
) -> pyvips.Image:
    """Take a gain map the way of its picture, and make it as much smaller as it was."""
    own = probe(found.picture)
    limits.check_header(own)
    if own.bands not in (1, 3) or own.width > header.width or own.height > header.height:
        raise UnsupportedFormat("the gain map is no picture that belongs to this one")
    image = _upright(pyvips.Image.jpegload_buffer(found.picture, fail_on="error"), header)
    follower = Frame(
        image, *header.shown, materials=frame.materials, reading=frame.reading,
        decisions=frame.decisions,
    )  # fmt: skip
    for operation, arguments in transform.steps():
        if operation.stage not in (Stage.SOURCE, Stage.OUTPUT):
            follower = operation.apply(follower, **arguments)
    width = min(follower.image.width, _part(frame.width, own.width / header.width))
    height = min(follower.image.height, _part(frame.height, own.height / header.height))
    return cast("pyvips.Image", follower.scaled(width, height).image)


def _upright(image: pyvips.Image, header: Header) -> Image:
    """Turn a gain map as its picture is turned: it is stored the same way."""
    image = image.copy_memory()
    image.set_type(pyvips.GValue.gint_type, "orientation", header.orientation)
    return cast("Image", image.autorot())


def _part(length: int, share: float) -> int:
    return max(1, half_up(length * share))

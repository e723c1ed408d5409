"""What a picture looks like, for those who wait for it and for those who look for one like it."""

from __future__ import annotations

from base64 import b64encode
from typing import cast

import pyvips

from safelight.engine.materials import Studio
from safelight.engine.source import decode, fault, probe
from safelight.limits import Limits
from safelight.operations.frame import Frame, Image, resample
from safelight.operations.reading import Reading
from safelight.picture import Analysis
from safelight.placeholders import PHASH_SIDE, blurhash, palette, phash, thumbhash
from safelight.plan import plan
from safelight.transform import Transform

# All that is told here is coarse: more pixels would cost more, and change next to nothing.
_SIDE = 64
SMALL = Transform.of(w=_SIDE, h=_SIDE, fit="inside")
# Of fewer pixels a hash shows waves that are not there; BlurHash's lie half a pixel off.
_BLURHASH_SIDE, _THUMBHASH_SIDE = 32, 8

# Longer side and quality: a preview is the first of these that is small enough, in bytes. WebP
# always: the tables alone of a JPEG are longer.
_PREVIEWS = ((32, 40), (32, 20), (24, 20), (16, 15), (8, 10))
_PREVIEW_BYTES = 280

# Bits of entropy of the green values: photographs of this size have 6.4 and more.
_DRAWN_ENTROPY = 5.5


def analyse(data: bytes, limits: Limits) -> Analysis:
    """Tell what a picture looks like, as it is shown: upright, in sRGB, the first frame.

    ``data``: a whole source file. Raises SourceError of some kind when it cannot be used.
    """
    header = probe(data)
    limits.check_header(header)
    planned = plan(*header.shown, SMALL.changed(enlarge=header.vector))
    try:
        frames = decode(data, header, Reading(), planned, frames=1, materials=Studio({}))
        return described(next(frames))
    except pyvips.Error as error:
        raise fault(header.format, error) from error


def described(frame: Frame) -> Analysis:
    """Tell what a picture looks like that went through ``SMALL``."""
    image = cast("pyvips.Image", frame.in_memory().image)
    small = image.colourspace("srgb") if image.bands < 3 else image
    small = small if small.hasalpha() else small.addalpha()
    opaque = small.flatten(background=[255] * 3)
    luma = _values(resample(opaque.colourspace("b-w"), PHASH_SIDE, PHASH_SIDE))
    across, down = (4, 3) if small.width >= small.height else (3, 4)
    colours = palette(_values(small))
    return Analysis(
        blurhash=blurhash(*_broad(opaque, _BLURHASH_SIDE), across=across, down=down),
        thumbhash=b64encode(thumbhash(*_broad(small, _THUMBHASH_SIDE))).decode(),
        preview=_preview(small),
        dominant=colours[0].color if colours else None,
        colors=colours,
        phash=f"{phash(luma):016x}",
        transparent=small[3].min() < 255,
        drawn=opaque[1].hist_find().hist_entropy() < _DRAWN_ENTROPY,
    )


def _values(image: Image) -> bytes:
    return bytes(image.write_to_memory())


def _broad(image: pyvips.Image, least: int) -> tuple[bytes, int, int]:
    """Repeat the pixels of a tiny or thin picture until no side is shorter than ``least`` px."""
    sides = (image.width, image.height)
    scale = max(1.0, min(least / min(sides), _SIDE / max(sides)))
    across, down = (max(least, round(side * scale)) for side in sides)
    broad = image.resize(across / image.width, vscale=down / image.height, kernel="nearest")
    return _values(broad), across, down


def _preview(image: pyvips.Image) -> str:
    """Write a picture so small that it can stand in a page or a database, as a ``data:`` URL."""
    written = b""
    for side, quality in _PREVIEWS:
        scale = min(1.0, side / max(image.width, image.height))
        sides = (max(1, round(length * scale)) for length in (image.width, image.height))
        tiny = cast("pyvips.Image", resample(image, *sides))
        written = tiny.webpsave_buffer(Q=quality, alpha_q=quality, effort=4, keep="none")
        if len(written) <= _PREVIEW_BYTES:
            break
    return f"data:image/webp;base64,{b64encode(written).decode()}"

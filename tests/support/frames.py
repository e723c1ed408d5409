"""Frames for tests of single operations."""

from __future__ import annotations

from typing import Any

import pyvips

from safelight.engine.materials import Studio
from safelight.operations.frame import Frame


def framed(image: Any, size: tuple[int, int] | None = None, **given: Any) -> Frame:
    """Make a frame of an image, of its own size or a larger nominal one, with nothing to draw."""
    width, height = size or (image.width, image.height)
    return Frame(image, width, height, Studio({}), **given)


def flat(width: int, height: int, colour: tuple[int, ...]) -> Any:
    """Make a picture of one colour: grey, grey and alpha, RGB or RGBA."""
    space = "b-w" if len(colour) < 3 else "srgb"
    image = pyvips.Image.black(width, height, bands=len(colour)) + list(colour)
    return image.cast("uchar").copy(interpretation=space)


def numbered(width: int, height: int) -> Any:
    """Make a picture whose pixels hold their own coordinates."""
    return pyvips.Image.xyz(width, height).cast("uchar").copy(interpretation="srgb")


def at(frame: Frame, x: int, y: int) -> tuple[int, ...]:
    """Read a pixel."""
    return tuple(int(value) for value in frame.image.getpoint(x, y))

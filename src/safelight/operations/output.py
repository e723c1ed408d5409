"""How the picture is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from safelight.formats import FORMATS, WRITABLE
from safelight.operations.encoding import Encoding
from safelight.operations.frame import Frame
from safelight.operations.registry import Stage, operation
from safelight.params import Enum, Flag, Int

_SUFFIXES = tuple(
    (suffix, format.name) for format in FORMATS if format.saver for suffix in format.suffixes
)


@operation(Stage.OUTPUT, cost=1.0, example="w=400,format=webp,quality=70")
def output(
    frame: Frame,
    *,
    format: Annotated[
        str | None,
        Enum(("auto", *(format.name for format in WRITABLE)), synonyms=_SUFFIXES, aliases=("f",)),
    ] = None,
    quality: Annotated[int | None, Int(1, 100, aliases=("q",))] = None,
    effort: Annotated[int | None, Int(0, 9)] = None,
    lossless: Annotated[bool, Flag()] = False,
) -> Frame:
    """Choose the format, its quality (1 to 100) and the encoder's effort (0 fast to 9 small).

    ``auto`` is the best format that the viewer accepts. Without a format the source's own is kept.
    ``lossless`` counts for WebP and AVIF.
    """
    return replace(frame, encoding=Encoding(format, quality, effort, lossless=lossless))

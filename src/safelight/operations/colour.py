"""What the pixels look like."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from safelight.operations.frame import Frame
from safelight.operations.registry import Stage, operation
from safelight.params import Colour, Ink


@operation(Stage.CANVAS, cost=0.0, example="w=300,h=300,fit=contain,bg=1a2b3c")
def bg(
    frame: Frame,
    *,
    bg: Annotated[Ink | str | None, Colour(words=("blur",), aliases=("background",))] = None,
) -> Frame:
    """Set the colour behind transparency and padding; white where the output has none.

    A colour that is not fully opaque keeps the output's transparency. ``blur`` fills what is
    padded with the picture itself, enlarged and blurred.
    """
    return replace(frame, background=bg)

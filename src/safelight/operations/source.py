"""How the source is opened."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

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

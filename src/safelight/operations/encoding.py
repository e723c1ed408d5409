"""What the output shall be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Encoding:
    """What the output shall be; None leaves the choice to the engine.

    ``palette`` is the source's: its few colours may be worth keeping few. ``bits`` is how many a
    value has that are worth writing.
    """

    format: str | None = None
    quality: int | None = None
    effort: int | None = None
    lossless: bool = False
    palette: bool = False
    bits: int = 8

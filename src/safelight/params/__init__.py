"""Kinds of parameter: how a value is read from text, written back, bounded and described.

A kind is a frozen value that annotates an operation's argument. ``parse`` and ``build`` are
inverse: ``parse(build(value)) == value`` for every value that ``parse`` can return.
"""

from __future__ import annotations

from safelight.params.colours import Colour, Colours, Ink
from safelight.params.kind import Kind, Part, half_up
from safelight.params.places import (
    COMPASS,
    CONTENT_AWARE,
    Box,
    Boxes,
    Gravity,
    Length,
    Place,
    Ratio,
    Sides,
)
from safelight.params.scalars import Angle, Bytes, Enum, Flag, Float, Int
from safelight.params.texts import Key, Text

__all__ = [
    "COMPASS",
    "CONTENT_AWARE",
    "Angle",
    "Box",
    "Boxes",
    "Bytes",
    "Colour",
    "Colours",
    "Enum",
    "Flag",
    "Float",
    "Gravity",
    "Ink",
    "Int",
    "Key",
    "Kind",
    "Length",
    "Part",
    "Place",
    "Ratio",
    "Sides",
    "Text",
    "half_up",
]

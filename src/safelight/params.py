"""Kinds of parameter: how a value is read from text, written back, bounded and described.

A kind is a frozen value that annotates an operation's argument. ``parse`` and ``build`` are
inverse: ``parse(build(value)) == value`` for every value that ``parse`` can return.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias

# A length in pixels (int), or as a part of a side (float, 0 to 1).
Part: TypeAlias = int | float


class Kind(Protocol):
    """What every kind of parameter can do."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names under which the parameter is accepted."""

    def parse(self, text: str) -> Any:
        """Read a value. Raises ValueError with what was expected."""

    def build(self, value: Any) -> str:
        """Write the value in its one canonical form."""

    def schema(self) -> dict[str, Any]:
        """Describe the values as JSON Schema."""


@dataclass(frozen=True, slots=True)
class Int:
    """A whole number from ``low`` to ``high``, both included."""

    low: int
    high: int
    unit: str = ""
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> int:
        """Read decimal digits with an optional minus. Raises ValueError when out of bounds."""
        if not re.fullmatch(r"-?[0-9]{1,9}", text) or not self.low <= int(text) <= self.high:
            raise ValueError(f"a whole number from {self.low} to {self.high}")
        return int(text)

    def build(self, value: int) -> str:
        """Write decimal digits."""
        return str(value)

    def schema(self) -> dict[str, Any]:
        """Describe the bounds."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Float:
    """A number from ``low`` to ``high``, kept to three decimals so that one value has one form."""

    low: float
    high: float
    unit: str = ""
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> float:
        """Read a decimal number. Raises ValueError when out of bounds."""
        if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?|-?\.[0-9]{1,9}", text):
            raise ValueError(f"a number from {self.low:g} to {self.high:g}")
        value = round(float(text), 3) + 0.0
        if not self.low <= value <= self.high:
            raise ValueError(f"a number from {self.low:g} to {self.high:g}")
        return value

    def build(self, value: float) -> str:
        """Write the shortest decimal form."""
        return f"{value:.3f}".rstrip("0").rstrip(".")

    def schema(self) -> dict[str, Any]:
        """Describe the bounds."""
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Flag:
    """A switch: its bare name is yes."""

    aliases: tuple[str, ...] = ()
    _words: ClassVar[dict[str, bool]] = {
        "": True, "1": True, "true": True, "yes": True, "on": True,
        "0": False, "false": False, "no": False, "off": False,
    }  # fmt: skip

    def parse(self, text: str) -> bool:
        """Read true, false and their kin. Raises ValueError for another word."""
        if text.lower() not in self._words:
            raise ValueError("true or false")
        return self._words[text.lower()]

    def build(self, value: bool) -> str:
        """Write "true" or "false"."""
        return "true" if value else "false"

    def schema(self) -> dict[str, Any]:
        """Describe a boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Enum:
    """One word of a list; ``synonyms`` are accepted and replaced."""

    words: tuple[str, ...]
    synonyms: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> str:
        """Read a word, case ignored. Raises ValueError for an unknown one."""
        word = dict(self.synonyms).get(text.lower(), text.lower())
        if word not in self.words:
            raise ValueError("one of " + ", ".join(self.words))
        return word

    def build(self, value: str) -> str:
        """Write the word."""
        return value

    def schema(self) -> dict[str, Any]:
        """List the words."""
        return {"type": "string", "enum": list(self.words)}


_NAMED_COLOURS = {
    "black": "000000", "silver": "c0c0c0", "gray": "808080", "grey": "808080", "white": "ffffff",
    "maroon": "800000", "red": "ff0000", "purple": "800080", "fuchsia": "ff00ff",
    "green": "008000", "lime": "00ff00", "olive": "808000", "yellow": "ffff00", "navy": "000080",
    "blue": "0000ff", "teal": "008080", "aqua": "00ffff", "orange": "ffa500",
    "transparent": "00000000",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour in sRGB: CSS's hexadecimal forms without ``#``, or one of its basic names.

    The value is (red, green, blue, alpha), each 0 to 255.
    """

    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> tuple[int, int, int, int]:
        """Read rgb, rgba, rrggbb, rrggbbaa or a name. Raises ValueError for anything else."""
        digits = _NAMED_COLOURS.get(text.lower(), text.lower().removeprefix("#"))
        if not re.fullmatch(r"[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8}", digits):
            raise ValueError("a colour such as fff, 1a2b3c, 1a2b3c80 or white")
        if len(digits) <= 4:
            digits = "".join(digit * 2 for digit in digits)
        red, green, blue, alpha = bytes.fromhex((digits + "ff")[:8])
        return red, green, blue, alpha

    def build(self, value: tuple[int, int, int, int]) -> str:
        """Write rrggbb, and aa unless opaque."""
        return bytes(value[:3] if value[3] == 255 else value).hex()

    def schema(self) -> dict[str, Any]:
        """Describe the hexadecimal form."""
        return {"type": "string", "pattern": "^([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8}|[a-z]+)$"}


COMPASS: dict[str, tuple[float, float]] = {
    "northwest": (0.0, 0.0), "north": (0.5, 0.0), "northeast": (1.0, 0.0),
    "west": (0.0, 0.5), "center": (0.5, 0.5), "east": (1.0, 0.5),
    "southwest": (0.0, 1.0), "south": (0.5, 1.0), "southeast": (1.0, 1.0),
}  # fmt: skip
CONTENT_AWARE = ("smart", "entropy")
_GRAVITY_SYNONYMS = {
    "nw": "northwest", "n": "north", "ne": "northeast", "w": "west", "c": "center", "e": "east",
    "sw": "southwest", "s": "south", "se": "southeast", "top": "north", "bottom": "south",
    "left": "west", "right": "east", "centre": "center",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gravity:
    """Where the interesting part is: a compass word, smart, entropy, or a focal point.

    The value is the word, or (x, y) as parts of the width and height, 0 to 1, for ``0.3x0.7``.
    """

    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> str | tuple[float, float]:
        """Read a word or a focal point. Raises ValueError for anything else."""
        word = _GRAVITY_SYNONYMS.get(text.lower(), text.lower())
        if word in COMPASS or word in CONTENT_AWARE:
            return word
        x, cross, y = word.partition("x")
        try:
            part = Float(0, 1)
            return (part.parse(x), part.parse(y)) if cross else _fail()
        except ValueError:
            expected = ", ".join((*COMPASS, *CONTENT_AWARE))
            raise ValueError(f"one of {expected}, or a point such as 0.3x0.7") from None

    def build(self, value: str | tuple[float, float]) -> str:
        """Write the word, or the point as ``0.3x0.7``."""
        if isinstance(value, str):
            return value
        return "x".join(Float(0, 1).build(part) for part in value)

    def schema(self) -> dict[str, Any]:
        """List the words and describe the point."""
        words = "|".join((*COMPASS, *CONTENT_AWARE))
        return {"type": "string", "pattern": rf"^({words}|[01](\.[0-9]+)?x[01](\.[0-9]+)?)$"}


def _fail() -> tuple[float, float]:
    raise ValueError


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle ``x:y:width:height``; each number is pixels, or with a point a part of the side.

    The value holds int for pixels and float (0 to 1) for parts.
    """

    limit: int = 65_535
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> tuple[Part, Part, Part, Part]:
        """Read four numbers. Raises ValueError when one is missing or out of bounds."""
        parts = text.split(":")
        try:
            if len(parts) != 4:
                raise ValueError
            x, y, width, height = (self._number(part) for part in parts)
            if width == 0 or height == 0:
                raise ValueError
        except ValueError:
            raise ValueError(
                "x:y:width:height in pixels (10:20:300:200) or parts of the side (0.1:0.1:0.5:0.5)"
            ) from None
        return x, y, width, height

    def _number(self, text: str) -> Part:
        return Float(0, 1).parse(text) if "." in text else Int(0, self.limit).parse(text)

    def build(self, value: tuple[Part, Part, Part, Part]) -> str:
        """Write the four numbers; a part always has a point."""
        return ":".join(f"{part:.3f}" if isinstance(part, float) else str(part) for part in value)

    def schema(self) -> dict[str, Any]:
        """Describe the four numbers."""
        return {"type": "string", "pattern": r"^[0-9.]+:[0-9.]+:[0-9.]+:[0-9.]+$"}


def half_up(value: float) -> int:
    """Round to the nearest whole number, halves up, as a viewer would expect of 2.5 px.

    A half that floating point has made a hair less (25 x 0.58) still counts as one.
    """
    return math.floor(value + 0.5 + 1e-9)

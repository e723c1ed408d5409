"""Colours."""

from __future__ import annotations

import re
from typing import Any, ClassVar, TypeAlias, cast

import msgspec

# Red, green, blue and alpha, each 0 to 255.
Ink: TypeAlias = tuple[int, int, int, int]

_NAMED_COLOURS = {
    "black": "000000", "silver": "c0c0c0", "gray": "808080", "grey": "808080", "white": "ffffff",
    "maroon": "800000", "red": "ff0000", "purple": "800080", "fuchsia": "ff00ff",
    "green": "008000", "lime": "00ff00", "olive": "808000", "yellow": "ffff00", "navy": "000080",
    "blue": "0000ff", "teal": "008080", "aqua": "00ffff", "orange": "ffa500",
    "transparent": "00000000",
}  # fmt: skip


class Colour(msgspec.Struct, frozen=True):
    """A colour in sRGB: CSS's hexadecimal forms without ``#``, or one of its basic names.

    The value is (red, green, blue, alpha), each 0 to 255, or one of ``words``.
    """

    words: tuple[str, ...] = ()
    bare: str | None = None
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> Ink | str:
        """Read rgb, rgba, rrggbb, rrggbbaa or a name. Raises ValueError for anything else."""
        if text.lower() in self.words:
            return text.lower()
        digits = _NAMED_COLOURS.get(text.lower(), text.lower().removeprefix("#"))
        if not re.fullmatch(r"[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8}", digits):
            known = ", or ".join(("a colour such as fff, 1a2b3c, 1a2b3c80 or white", *self.words))
            raise ValueError(known)
        if len(digits) <= 4:
            digits = "".join(digit * 2 for digit in digits)
        red, green, blue, alpha = bytes.fromhex((digits + "ff")[:8])
        return red, green, blue, alpha

    def build(self, value: Ink | str) -> str:
        """Write rrggbb, and aa unless opaque, or the word."""
        if isinstance(value, str):
            return value
        return bytes(value[:3] if value[3] == 255 else value).hex()

    def schema(self) -> dict[str, Any]:
        """Describe the hexadecimal form."""
        return {"type": "string", "pattern": "^([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8}|[a-z]+)$"}


class Colours(msgspec.Struct, frozen=True):
    """Two colours, ``dark:light``; the value is a pair of (red, green, blue, alpha)."""

    bare: ClassVar[str | None] = None
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> tuple[Ink, Ink]:
        """Read two colours. Raises ValueError for anything else."""
        first, colon, second = text.partition(":")
        try:
            if not colon:
                raise ValueError
            return cast("tuple[Ink, Ink]", (Colour().parse(first), Colour().parse(second)))
        except ValueError:
            raise ValueError("two colours such as 1a2b3c:ffe0c0") from None

    def build(self, value: tuple[Ink, Ink]) -> str:
        """Write both in hexadecimal form."""
        return ":".join(Colour().build(ink) for ink in value)

    def schema(self) -> dict[str, Any]:
        """Describe the pair."""
        return {"type": "string", "pattern": "^[0-9a-zA-Z]+:[0-9a-zA-Z]+$"}

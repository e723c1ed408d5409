"""Places and lengths: where something is, how large, in which proportion."""

from __future__ import annotations

import re
from typing import Any, ClassVar, TypeAlias, cast

import msgspec

from safelight.params.kind import Part
from safelight.params.scalars import Float, Int

# A compass word, "smart" or "entropy"; a focal point; or a word and offsets inwards from there.
Place: TypeAlias = str | tuple[float, float] | tuple[str, Part, Part]

_SIDE_LIMIT = 65_535


def _part(text: str, limit: int = _SIDE_LIMIT) -> Part:
    """Read pixels, or with a point a part of a side, 0 to 1. Raises ValueError."""
    kind = Float(0, 1) if "." in text else Int(0, limit)
    return cast("Part", kind.parse(text))


def _built(part: Part) -> str:
    """Write pixels, or a part of a side, which always has a point."""
    if isinstance(part, int):
        return str(part)
    text = f"{part:.3f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


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


class Gravity(msgspec.Struct, frozen=True):
    """Where the interesting part is, or where something is put.

    The value is a compass word; (word, x, y) with offsets inwards from that side, for
    ``southeast:20:0.1``; (x, y) as parts of the width and height, 0 to 1, for ``0.3x0.7``; or,
    where pixels may be looked at (``aware``), smart or entropy.
    """

    aware: bool = True
    bare: ClassVar[str | None] = None
    aliases: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The words that are known."""
        return (*COMPASS, *(CONTENT_AWARE if self.aware else ()))

    def parse(self, text: str) -> Place:
        """Read a word, with offsets or without, or a focal point. Raises ValueError."""
        name, colon, offsets = text.lower().partition(":")
        word = _GRAVITY_SYNONYMS.get(name, name)
        try:
            if word in COMPASS:
                return _moved(word, offsets) if colon else word
            if word in self.words and not colon:
                return word
            x, cross, y = name.partition("x")
            if colon or not cross:
                raise ValueError
            part = Float(0, 1)
            return cast("tuple[float, float]", (part.parse(x), part.parse(y)))
        except ValueError:
            raise ValueError(
                f"one of {', '.join(self.words)}, a word with offsets such as southeast:20:20, "
                "or a point such as 0.3x0.7"
            ) from None

    def build(self, value: Place) -> str:
        """Write the word and its offsets, or the point as ``0.3x0.7``."""
        if isinstance(value, str):
            return value
        if len(value) == 3:
            word, x, y = value
            return f"{word}:{_built(x)}:{_built(y)}"
        return "x".join(Float(0, 1).build(part) for part in value)

    def schema(self) -> dict[str, Any]:
        """List the words and describe the point."""
        words, moved = "|".join(self.words), "|".join(COMPASS)
        return {
            "type": "string",
            "pattern": rf"^({words}|({moved}):[0-9.]+:[0-9.]+|[01]?(\.[0-9]+)?x[01]?(\.[0-9]+)?)$",
        }


def _moved(word: str, offsets: str) -> Place:
    x, colon, y = offsets.partition(":")
    if not colon:
        raise ValueError
    moved = _part(x), _part(y)
    return word if moved == (0, 0) else (word, *moved)


class Length(msgspec.Struct, frozen=True):
    """A length: pixels from ``low`` to ``high``, or with a point a part of a side, 0 to 1."""

    low: int = 0
    high: int = _SIDE_LIMIT
    words: tuple[str, ...] = ()
    bare: str | None = None
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> Part | str:
        """Read a length or a word. Raises ValueError when out of bounds."""
        if text.lower() in self.words:
            return text.lower()
        try:
            return _part(text) if "." in text else int(Int(self.low, self.high).parse(text))
        except ValueError:
            expected = f"pixels from {self.low} to {self.high}, or a part of the side such as 0.05"
            raise ValueError(", or ".join((expected, *self.words))) from None

    def build(self, value: Part | str) -> str:
        """Write the length; a part always has a point."""
        return value if isinstance(value, str) else _built(value)

    def schema(self) -> dict[str, Any]:
        """Describe the bounds."""
        words = "".join(f"|{word}" for word in self.words)
        return {"type": "string", "pattern": rf"^([0-9]+|[01]?\.[0-9]+{words})$"}


class Box(msgspec.Struct, frozen=True):
    """A rectangle ``x:y:width:height``; each number is pixels, or with a point a part of the side.

    The value holds int for pixels and float (0 to 1) for parts. With ``placed``, ``width:height``
    alone is a value too: a size that gravity places.
    """

    limit: int = _SIDE_LIMIT
    placed: bool = False
    bare: ClassVar[str | None] = None
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> tuple[Part, ...]:
        """Read the numbers. Raises ValueError when one is missing or out of bounds."""
        texts = text.split(":")
        try:
            if len(texts) not in ((2, 4) if self.placed else (4,)):
                raise ValueError
            parts = tuple(_part(part, self.limit) for part in texts)
            if 0 in parts[-2:]:
                raise ValueError
        except ValueError:
            size = ", or width:height (300:200)" if self.placed else ""
            raise ValueError(
                "x:y:width:height in pixels (10:20:300:200) or parts of the side "
                f"(0.1:0.1:0.5:0.5){size}"
            ) from None
        return parts

    def build(self, value: tuple[Part, ...]) -> str:
        """Write the numbers; a part always has a point."""
        return ":".join(_built(part) for part in value)

    def schema(self) -> dict[str, Any]:
        """Describe the numbers."""
        size = "|[0-9.]+:[0-9.]+" if self.placed else ""
        return {"type": "string", "pattern": rf"^([0-9.]+:[0-9.]+:[0-9.]+:[0-9.]+{size})$"}


class Boxes(msgspec.Struct, frozen=True):
    """Up to ``most`` rectangles, separated by ``;``, each as in ``Box``."""

    most: int = 20
    bare: ClassVar[str | None] = None
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> tuple[tuple[Part, ...], ...]:
        """Read the rectangles. Raises ValueError when one is malformed, or there are too many."""
        texts = text.split(";")
        if len(texts) > self.most:
            raise ValueError(f"at most {self.most} boxes, separated by ;")
        return tuple(Box().parse(box) for box in texts)

    def build(self, value: tuple[tuple[Part, ...], ...]) -> str:
        """Write the rectangles in the order given."""
        return ";".join(Box().build(box) for box in value)

    def schema(self) -> dict[str, Any]:
        """Describe the list."""
        return {"type": "string", "pattern": r"^[0-9.]+(:[0-9.]+){3}(;[0-9.]+(:[0-9.]+){3})*$"}


class Sides(msgspec.Struct, frozen=True):
    """Lengths on four sides as CSS writes them: all, vertical:horizontal, or top:right:bottom:left.

    The value holds the four, top first: int for pixels, float for parts of the picture's side.
    """

    limit: int = _SIDE_LIMIT
    bare: ClassVar[str | None] = None
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> tuple[Part, Part, Part, Part]:
        """Read one, two or four lengths. Raises ValueError for anything else."""
        try:
            parts = [_part(part, self.limit) for part in text.split(":")]
        except ValueError:
            parts = []
        if len(parts) not in (1, 2, 4):
            raise ValueError("one, two or four lengths such as 20, 10:20 or 10:0.1:10:0.1")
        top, right, bottom, left = (parts * 4)[:4]
        return top, right, bottom, left

    def build(self, value: tuple[Part, Part, Part, Part]) -> str:
        """Write as few lengths as will do."""
        top, right, bottom, left = (_built(part) for part in value)
        if (top, right) != (bottom, left):
            return f"{top}:{right}:{bottom}:{left}"
        return top if top == right else f"{top}:{right}"

    def schema(self) -> dict[str, Any]:
        """Describe the lengths."""
        return {"type": "string", "pattern": r"^[0-9.]+(:[0-9.]+|(:[0-9.]+){3})?$"}


class Ratio(msgspec.Struct, frozen=True):
    """Width to height, ``16:9`` or ``1.5``; the value is a pair of whole numbers without a factor.

    From 1:100 to 100:1, as near as a height of up to 10,000 comes to it.
    """

    bare: ClassVar[str | None] = None
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> tuple[int, int]:
        """Read a ratio. Raises ValueError for anything else."""
        from fractions import Fraction

        width, colon, height = text.partition(":")
        numbers = [width, height if colon else "1"]
        if not all(re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,3})?", number) for number in numbers):
            raise ValueError("a ratio such as 16:9 or 1.5")
        across, down = (Fraction(number) for number in numbers)
        if not across or not down or not Fraction(1, 100) <= across / down <= 100:
            raise ValueError("a ratio from 1:100 to 100:1, such as 16:9 or 1.5")
        ratio = (across / down).limit_denominator(10_000)
        return ratio.numerator, ratio.denominator

    def build(self, value: tuple[int, int]) -> str:
        """Write ``width:height``."""
        return f"{value[0]}:{value[1]}"

    def schema(self) -> dict[str, Any]:
        """Describe the two forms."""
        return {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(:[0-9]+(\.[0-9]+)?)?$"}

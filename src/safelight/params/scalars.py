"""Numbers, switches and words."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import msgspec


class Int(msgspec.Struct, frozen=True):
    """A whole number from ``low`` to ``high``, both included, or one of ``words``."""

    low: int
    high: int
    unit: str = ""
    words: tuple[str, ...] = ()
    bare: str | None = None
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> int | str:
        """Read decimal digits with an optional minus. Raises ValueError when out of bounds."""
        if text.lower() in self.words:
            return text.lower()
        if not re.fullmatch(r"-?[0-9]{1,9}", text) or not self.low <= int(text) <= self.high:
            raise ValueError(_or(f"a whole number from {self.low} to {self.high}", self.words))
        return int(text)

    def build(self, value: int | str) -> str:
        """Write decimal digits, or the word."""
        return str(value)

    def schema(self) -> dict[str, Any]:
        """Describe the bounds."""
        return _schema({"type": "integer", "minimum": self.low, "maximum": self.high}, self.words)


class Float(msgspec.Struct, frozen=True):
    """A number from ``low`` to ``high``, kept to three decimals so that one value has one form."""

    low: float
    high: float
    unit: str = ""
    words: tuple[str, ...] = ()
    bare: str | None = None
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> float | str:
        """Read a decimal number. Raises ValueError when out of bounds."""
        if text.lower() in self.words:
            return text.lower()
        expected = _or(f"a number from {self.low:g} to {self.high:g}", self.words)
        if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?|-?\.[0-9]{1,9}", text):
            raise ValueError(expected)
        value = round(float(text), 3) + 0.0
        if not self.low <= value <= self.high:
            raise ValueError(expected)
        return value

    def build(self, value: float | str) -> str:
        """Write the shortest decimal form, or the word."""
        return value if isinstance(value, str) else f"{value:.3f}".rstrip("0").rstrip(".")

    def schema(self) -> dict[str, Any]:
        """Describe the bounds."""
        return _schema({"type": "number", "minimum": self.low, "maximum": self.high}, self.words)


def _or(expected: str, words: tuple[str, ...]) -> str:
    return ", or ".join((expected, *words))


def _schema(number: dict[str, Any], words: tuple[str, ...]) -> dict[str, Any]:
    return {"oneOf": [number, {"type": "string", "enum": list(words)}]} if words else number


_MULTIPLES = {"": 1, "b": 1, "k": 1_000, "kb": 1_000, "m": 1_000_000, "mb": 1_000_000}


class Bytes(msgspec.Struct, frozen=True):
    """A number of bytes from ``low`` to ``high``; kb and mb are a thousand and a million."""

    low: int
    high: int
    bare: ClassVar[str | None] = None
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> int:
        """Read digits with or without a multiple. Raises ValueError when out of bounds."""
        found = re.fullmatch(r"([0-9]{1,9})([kKmM]?[bB]?)", text)
        size = int(found[1]) * _MULTIPLES[found[2].lower()] if found else 0
        if not self.low <= size <= self.high:
            raise ValueError(f"bytes from {self.low} to {self.high}, such as 50000 or 50kb")
        return size

    def build(self, value: int) -> str:
        """Write decimal digits."""
        return str(value)

    def schema(self) -> dict[str, Any]:
        """Describe the bounds; a multiple is for people."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


class Angle(msgspec.Struct, frozen=True):
    """Degrees clockwise; a full turn is none, so the value is from 0 to below 360."""

    bare: ClassVar[str | None] = None
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> float:
        """Read degrees from -360 to 360. Raises ValueError for anything else."""
        try:
            degrees = Float(-360, 360).parse(text)
        except ValueError:
            raise ValueError("degrees from -360 to 360") from None
        return round(float(degrees) % 360, 3) % 360

    def build(self, value: float) -> str:
        """Write the shortest decimal form."""
        return Float(0, 360).build(value)

    def schema(self) -> dict[str, Any]:
        """Describe the bounds."""
        return {"type": "number", "minimum": -360, "maximum": 360}


class Flag(msgspec.Struct, frozen=True):
    """A switch: its bare name is yes."""

    bare: ClassVar[str | None] = "true"
    aliases: tuple[str, ...] = ()
    _words: ClassVar[dict[str, bool]] = {
        "1": True, "true": True, "yes": True, "on": True,
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


class Enum(msgspec.Struct, frozen=True):
    """One word of a list; ``synonyms`` are accepted and replaced."""

    words: tuple[str, ...]
    synonyms: tuple[tuple[str, str], ...] = ()
    bare: str | None = None
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

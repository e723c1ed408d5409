"""Words of the user's own: a text to write, the key of another picture."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, ClassVar

import msgspec

from safelight.params.kind import UNPRINTABLE


class Text(msgspec.Struct, frozen=True):
    """Text of up to ``longest`` letters; a line break is one, other control characters are none."""

    longest: int = 200
    bare: ClassVar[str | None] = None
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> str:
        """Read a text in Unicode's composed form (NFC). Raises ValueError."""
        composed = unicodedata.normalize("NFC", text)
        visible = composed.replace("\n", " ")
        if not visible.strip() or re.search(UNPRINTABLE, visible) or len(composed) > self.longest:
            raise ValueError(f"a text of 1 to {self.longest} letters")
        return composed

    def build(self, value: str) -> str:
        """Write the text."""
        return value

    def schema(self) -> dict[str, Any]:
        """Describe the length."""
        return {"type": "string", "minLength": 1, "maxLength": self.longest}


class Key(msgspec.Struct, frozen=True):
    """The key of another picture in the source store."""

    bare: ClassVar[str | None] = None
    aliases: tuple[str, ...] = ()

    def parse(self, text: str) -> str:
        """Read a key. Raises ValueError for one that is empty, hidden or leads astray."""
        astray = any(not part or part.startswith(".") for part in text.split("/"))
        if astray or re.search(UNPRINTABLE, text) or "\\" in text or len(text) > 1_024:
            raise ValueError("the key of an image in the source store, such as marks%2Flogo.png")
        return text

    def build(self, value: str) -> str:
        """Write the key."""
        return value

    def schema(self) -> dict[str, Any]:
        """Describe a key."""
        return {"type": "string", "minLength": 1, "maxLength": 1_024}

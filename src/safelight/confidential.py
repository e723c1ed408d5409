"""Values of which some must never be shown: keys, tokens, addresses that are as good as a key."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec


class Confidential(msgspec.Struct, frozen=True):
    """Values with secrets: ``hidden`` names the fields that no log and no traceback may show."""

    hidden: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        """Show all but the secrets."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show a console no more than ``repr`` does."""
        names = (name for name in self.__struct_fields__ if name not in self.hidden)
        return [(name, getattr(self, name)) for name in names]
